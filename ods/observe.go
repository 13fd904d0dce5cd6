package ods

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Relation is one of this database that others fill.
type Relation struct {
	Name string // "public.accounts"
	// Key and ChangedAt are columns. With ChangedAt a row is compared by these alone, without it by all that it holds.
	Key       []string
	ChangedAt string
}

// Observe finds out whether a relation is as it was when it was last observed, by the number of its rows and the sum of
// their hashes, for which it reads them all. Where it is not, it writes a batch, in one transaction, so that whoever was
// built from the relation knows; rows is how many there are to be read again. Which of them changed is not known.
// It may run in many processes at once.
func (s *Store) Observe(ctx context.Context, run uuid.UUID, r Relation) (rows int64, changed bool, err error) {
	err = s.inTransaction(ctx, func(tx pgx.Tx) (end, error) {
		rows, changed, err = observe(ctx, tx, run, r)
		if err != nil || !changed {
			return abandon, err
		}
		return keep, nil
	})
	return rows, changed, wrap(err, "observe %s", r.Name)
}

func observe(ctx context.Context, tx pgx.Tx, run uuid.UUID, r Relation) (rows int64, changed bool, err error) {
	if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtextextended('terrace.observed:' || $1, 0))`, r.Name); err != nil {
		return 0, false, err
	}
	var content string
	err = tx.QueryRow(ctx, fmt.Sprintf(`select count(*), coalesce(sum(hashtextextended(%s::text, 0)), 0)::text from %s as t`,
		r.compared(), pgx.Identifier(strings.SplitN(r.Name, ".", 2)).Sanitize())).Scan(&rows, &content)
	if err != nil {
		return 0, false, err
	}
	written, err := tx.Exec(ctx, `
insert into terrace.observed as o (relation, row_count, content)
values ($1, $2, $3)
on conflict (relation) do update
set row_count = excluded.row_count,
    content = excluded.content,
    changed_at = clock_timestamp()
where (o.row_count, o.content) <> (excluded.row_count, excluded.content)`, r.Name, rows, content)
	if err != nil || written.RowsAffected() == 0 {
		return rows, false, err
	}
	// A relation that was emptied changed, too, and only batches with rows are looked for.
	_, err = tx.Exec(ctx, `insert into terrace.batch (node, run_id, rows_received, rows_updated) values ($1, $2, $3, $4)`,
		r.Name, run, rows, max(rows, 1))
	return rows, true, err
}

// compared is what of a row is hashed.
func (r Relation) compared() string {
	if r.ChangedAt == "" {
		return "t"
	}
	parts := make([]string, 0, len(r.Key)+1)
	for _, name := range append(append([]string{}, r.Key...), r.ChangedAt) {
		parts = append(parts, "t."+quote(name))
	}
	return "row(" + strings.Join(parts, ", ") + ")"
}
