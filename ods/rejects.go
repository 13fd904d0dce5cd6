package ods

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

//go:embed sql/rejects.sql
var rejectsSQL string

// RejectFilter chooses rejects; a field that is zero does not restrict.
type RejectFilter struct {
	ID      int64
	Stream  string
	Reason  string
	RunID   uuid.UUID
	Pending bool  // only those that have not been replayed
	Before  int64 // only those with a smaller ID
	Limit   int   // the newest so many
}

// StoredReject is one row of terrace.reject.
type StoredReject struct {
	ID         int64
	Stream     string
	BatchID    int64
	RunID      uuid.NullUUID
	RejectedAt time.Time
	ReplayedAt *time.Time // nil: not yet
	// Variant is the fan-out value that it was read for; Columns are the names of its file's header, where the file has one.
	Variant string
	Columns []string
	// Given is for ReplayRejects: the values of the key columns that the record does not have.
	Given []string
	Reject
}

// Rejects lists what could not be landed, newest first.
func (s *Store) Rejects(ctx context.Context, filter RejectFilter) ([]StoredReject, error) {
	var limit *int
	if filter.Limit > 0 {
		limit = &filter.Limit
	}
	rows, err := s.pool.Query(ctx, rejectsSQL,
		filter.Stream, filter.Reason, orNull(filter.RunID), filter.ID, filter.Pending, limit, filter.Before)
	if err != nil {
		return nil, fmt.Errorf("read terrace.reject: %w", err)
	}
	rejects, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (StoredReject, error) {
		var r StoredReject
		err := row.Scan(&r.ID, &r.Stream, &r.BatchID, &r.RunID, &r.Reason, &r.Message, &r.Place, &r.Raw, &r.RejectedAt, &r.ReplayedAt, &r.Variant, &r.Columns)
		return r, err
	})
	return rejects, wrap(err, "read terrace.reject")
}

// PendingRejects counts the rejects that were not replayed, by stream.
func PendingRejects(ctx context.Context, conn *pgx.Conn) (map[string]int64, error) {
	rows, err := conn.Query(ctx, `select node, count(*) from terrace.reject where replayed_at is null group by node`)
	if err != nil {
		return nil, fmt.Errorf("count rejects: %w", err)
	}
	out := map[string]int64{}
	var name string
	var count int64
	_, err = pgx.ForEachRow(rows, []any{&name, &count}, func() error {
		out[name] = count
		return nil
	})
	return out, wrap(err, "count rejects")
}
