package ods

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// withoutPoison finds the records that the server refuses, by trying ever smaller parts of the page in transactions that
// are rolled back, and makes rejects of them. When none is to blame alone, the fault stands.
func (s *Store) withoutPoison(ctx context.Context, rel *relation, p *Prepared, fault error) (*Prepared, error) {
	poison := map[int]error{}
	all := make([]int, len(p.rows))
	for i := range all {
		all[i] = i
	}
	if err := s.isolate(ctx, rel, p, all, poison); err != nil {
		return nil, err
	}
	if len(poison) == 0 {
		return nil, fault
	}
	clean := &Prepared{page: p.page, rejects: slices.Clone(p.rejects), types: p.types}
	for i, r := range p.rows {
		if cause, refused := poison[i]; refused {
			clean.reject(r.record, r.index, refuse(ReasonRefused, "%s", serverMessage(cause)))
			continue
		}
		clean.rows = append(clean.rows, r)
	}
	clean.regroup()
	return clean, nil
}

// isolate adds to poison those of the rows that cannot be written even alone.
func (s *Store) isolate(ctx context.Context, rel *relation, p *Prepared, rows []int, poison map[int]error) error {
	err := s.rehearse(ctx, rel, p, rows)
	switch {
	case err == nil:
		return nil
	case !isFaultOfData(err):
		return err
	case len(rows) == 1:
		poison[rows[0]] = err
		return nil
	}
	half := len(rows) / 2
	return errors.Join(
		s.isolate(ctx, rel, p, rows[:half], poison),
		s.isolate(ctx, rel, p, rows[half:], poison),
	)
}

// rehearse writes some of the page's rows and rolls back.
func (s *Store) rehearse(ctx context.Context, rel *relation, p *Prepared, rows []int) error {
	part := &Prepared{page: p.page, types: p.types}
	for _, i := range rows {
		part.rows = append(part.rows, p.rows[i])
	}
	part.regroup()
	return s.inTransaction(ctx, func(tx pgx.Tx) (end, error) {
		_, err := (&writer{tx: tx, rel: rel, p: part}).write(ctx)
		return abandon, err
	})
}

func serverMessage(err error) string {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err.Error()
	}
	if pg.Detail == "" {
		return pg.Message + " (SQLSTATE " + pg.Code + ")"
	}
	return pg.Message + ": " + pg.Detail + " (SQLSTATE " + pg.Code + ")"
}
