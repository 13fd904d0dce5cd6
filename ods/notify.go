package ods

import (
	"context"
	_ "embed"
	"time"
)

//go:embed sql/notify.sql
var notifySQL string

// notifyTime bounds the notification of what has been committed.
const notifyTime = 5 * time.Second

// notify tells who waits for the stream that something was committed in it, if so many rows say so. It is a transaction of
// its own after that of the rows: in theirs it would make all pages that land at once wait for one another's disk. The
// rows stand without it, and the next notification makes up for one that is lost; therefore it gives no error.
func (s *Store) notify(ctx context.Context, stream string, rows int64) {
	if rows == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), notifyTime)
	defer cancel()
	_, _ = s.pool.Exec(ctx, notifySQL, stream)
}
