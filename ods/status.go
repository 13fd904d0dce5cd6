package ods

import (
	"context"
	_ "embed"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

var (
	//go:embed sql/status.sql
	statusSQL string
	//go:embed sql/status_cursors.sql
	statusCursorsSQL string
	//go:embed sql/status_attempts.sql
	statusAttemptsSQL string
)

// StreamStatus is how far one stream has been read, and what there is of it.
type StreamStatus struct {
	Stream string
	// Variants are its cursors, by fan-out value; none before the first slice is done.
	Variants []VariantStatus
	// LandedAt is when the last page was committed, nil before the first; RunID is the run that landed it.
	LandedAt *time.Time
	RunID    uuid.NullUUID
	// Current counts the records that are not deleted.
	Current int64
	// Open and Failed count the slices that have not been read to their end, and that no later one has made up for.
	Open, Failed int64
	// Rejected counts the rejects that have not been replayed.
	Rejected int64
	// AskedUpTo is the end of the latest window that the source was asked for, whether it was read or not; nil without windows.
	AskedUpTo *time.Time
	// Failure is why the last slice failed, "" when one was read since; FailedAt is when.
	Failure  string
	FailedAt *time.Time
	// LastChange is when a record was last new, changed or deleted, nil when none ever was.
	LastChange *time.Time
	// Gone is true when the table that was landed in is no more.
	Gone bool
	// Usual is how long it takes from change to change at most, as a rule; nil before that can be told.
	Usual *time.Duration
}

// VariantStatus is the cursor of one fan-out value.
type VariantStatus struct {
	Variant string
	// Watermark is the cut-off: everything before it has been read. Nil for streams that are not read by windows.
	Watermark   *time.Time
	RunID       uuid.NullUUID
	LastStarted *time.Time
	LastEnded   *time.Time
}

// Status says for every stream how far it has been read, by name.
func (s *Store) Status(ctx context.Context) ([]StreamStatus, error) {
	rows, err := s.pool.Query(ctx, statusSQL)
	if err != nil {
		return nil, fmt.Errorf("read status: %w", err)
	}
	streams, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (StreamStatus, error) {
		var t StreamStatus
		return t, row.Scan(&t.Stream, &t.Open, &t.Failed, &t.LandedAt, &t.RunID, &t.Rejected)
	})
	if err != nil || len(streams) == 0 {
		return streams, wrap(err, "read status")
	}
	if err := s.addCursors(ctx, streams); err != nil {
		return nil, fmt.Errorf("read cursors: %w", err)
	}
	if err := s.addAttempts(ctx, streams); err != nil {
		return nil, fmt.Errorf("read attempts: %w", err)
	}
	if err := s.countCurrent(ctx, streams); err != nil {
		return nil, fmt.Errorf("count records: %w", err)
	}
	return streams, nil
}

func (s *Store) addCursors(ctx context.Context, streams []StreamStatus) error {
	rows, err := s.pool.Query(ctx, statusCursorsSQL)
	if err != nil {
		return err
	}
	byName := make(map[string]*StreamStatus, len(streams))
	for i := range streams {
		byName[streams[i].Stream] = &streams[i]
	}
	var stream string
	var v VariantStatus
	_, err = pgx.ForEachRow(rows, []any{&stream, &v.Variant, &v.Watermark, &v.RunID, &v.LastStarted, &v.LastEnded}, func() error {
		if t := byName[stream]; t != nil {
			t.Variants = append(t.Variants, v)
		}
		return nil
	})
	return err
}

func (s *Store) addAttempts(ctx context.Context, streams []StreamStatus) error {
	rows, err := s.pool.Query(ctx, statusAttemptsSQL)
	if err != nil {
		return err
	}
	var a StreamStatus
	_, err = pgx.ForEachRow(rows, []any{&a.Stream, &a.AskedUpTo, &a.Failure, &a.FailedAt, &a.LastChange, &a.Usual}, func() error {
		for i := range streams {
			if t := &streams[i]; t.Stream == a.Stream {
				t.AskedUpTo, t.Failure, t.FailedAt, t.LastChange, t.Usual = a.AskedUpTo, a.Failure, a.FailedAt, a.LastChange, a.Usual
			}
		}
		return nil
	})
	return err
}

// countCurrent counts the records of all streams in one statement. One whose table is gone counts none.
func (s *Store) countCurrent(ctx context.Context, streams []StreamStatus) error {
	names := make([]string, len(streams))
	for i, t := range streams {
		schema, table, _ := strings.Cut(t.Stream, ".")
		names[i] = pgx.Identifier{schema, table}.Sanitize()
	}
	present, err := s.present(ctx, names)
	if err != nil {
		return err
	}
	var counts []string
	for i := range streams {
		streams[i].Gone = !present[i]
		if present[i] {
			counts = append(counts, fmt.Sprintf("select %d, count(*) from %s where _deleted_at is null", i, names[i]))
		}
	}
	if len(counts) == 0 {
		return nil
	}
	rows, err := s.pool.Query(ctx, strings.Join(counts, "\nunion all\n"))
	if err != nil {
		return err
	}
	var i int
	var count int64
	_, err = pgx.ForEachRow(rows, []any{&i, &count}, func() error {
		streams[i].Current = count
		return nil
	})
	return err
}

func (s *Store) present(ctx context.Context, relations []string) ([]bool, error) {
	rows, err := s.pool.Query(ctx,
		`select to_regclass(r.name) is not null from unnest($1::text[]) with ordinality as r (name, ord) order by r.ord`, relations)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[bool])
}
