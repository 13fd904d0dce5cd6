package schedule

import (
	"context"
	"time"
)

// At is the store at a time of the test's choice.
func (s *Store) At(now time.Time) *Store {
	return &Store{db: s.db, now: &now, environment: s.environment}
}

// SettleAsOf decides on what was read before, as a scheduler does that was paused in between.
func (s *Store) SettleAsOf(ctx context.Context, read Schedule) error { return s.settle(ctx, read) }
