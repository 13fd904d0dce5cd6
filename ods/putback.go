package ods

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

var (
	//go:embed sql/false_since.sql
	falseSinceSQL string
	//go:embed sql/put_back.sql
	putBackSQL string
)

// FalseSince is where the windows of some variants of a stream begin that were read by a clock which was ahead: they may lack
// what came later. It is zero where none is known.
func (s *Store) FalseSince(ctx context.Context, stream string, variants []string, now time.Time) (time.Time, error) {
	var since *time.Time
	err := s.pool.QueryRow(ctx, falseSinceSQL, stream, variants, now).Scan(&since)
	if err != nil || since == nil {
		return time.Time{}, wrap(err, "look for windows of %s that ended in the future", stream)
	}
	return *since, nil
}

// PutBack moves the watermarks of a stream that lie after now back to an instant before it, from which the next reading goes
// on. The caller holds the stream's lock.
func (s *Store) PutBack(ctx context.Context, stream string, to, now time.Time) error {
	if !to.Before(now) {
		return fmt.Errorf("put watermarks of %s back to %s, which is not before %s", stream, to, now)
	}
	err := s.asReader(ctx, stream, func(tx pgx.Tx) (end, error) {
		_, err := tx.Exec(ctx, putBackSQL, stream, to, now)
		return keep, err
	})
	return wrap(err, "put watermarks of %s back", stream)
}
