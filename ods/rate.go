package ods

import (
	"context"
	_ "embed"
	"time"

	"github.com/jackc/pgx/v5"
)

//go:embed sql/hold_source.sql
var holdSourceSQL string

// Rate is at most so many requests in any stretch of the given length.
type Rate struct {
	Requests int
	Per      time.Duration
}

// ReserveRequest takes the next moment at which the source may be asked within all of its rates, and says how far away it
// is. All processes take their moments from here, in the order in which they come; one that is not used is lost.
func (s *Store) ReserveRequest(ctx context.Context, source string, rates []Rate) (time.Duration, error) {
	requests, pers := make([]int32, len(rates)), make([]time.Duration, len(rates))
	for i, r := range rates {
		requests[i], pers[i] = int32(r.Requests), r.Per
	}
	var wait time.Duration
	// Read committed, whatever the session's default: what is read after the wait for the lock is what the other left.
	err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `select terrace.reserve_request($1, $2, $3)`, source, requests, pers).Scan(&wait)
	})
	return wait, wrap(err, "keep to the rates of source %s", source)
}

// HoldRequests gives no moments of the source for a while. A longer hold that is there already stays.
func (s *Store) HoldRequests(ctx context.Context, source string, d time.Duration) error {
	_, err := s.pool.Exec(ctx, holdSourceSQL, source, d)
	return wrap(err, "hold requests to source %s", source)
}
