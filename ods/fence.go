package ods

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

// errUnheld is a stream whose lock went with its session.
var errUnheld = errors.New("the session that held the stream was ended")

// fence asks, as part of a transaction that is about to be committed, whether the stream is still this reader's, if it was
// locked at all; where it is not, that is errUnheld. The answer holds until the transaction has ended: before anybody asks,
// the transaction takes a share in the stream's commits, and whoever takes the stream's lock waits for those who have one.
// It does not wait itself: where somebody waits for the commits, the stream is not this reader's any more.
func (s *Store) fence(batch *pgx.Batch, stream string) {
	lock, locked := s.locks.Load(stream)
	if !locked {
		return
	}
	held := func(row pgx.Row) error {
		var yes bool
		if err := row.Scan(&yes); err != nil || yes {
			return err
		}
		return errUnheld
	}
	batch.Queue("select pg_try_advisory_xact_lock_shared(hashtextextended($1, 0))", commitName(stream)).QueryRow(held)
	batch.Queue(lockHeldSQL, lockName(stream), lock.(*streamLock).reader).QueryRow(held)
}

// asReader does something in a transaction that is committed only while the stream is this reader's, if it was locked at
// all. Where the lock's session was ended, the lock is taken again, and then it is done once more.
func (s *Store) asReader(ctx context.Context, stream string, do func(pgx.Tx) (end, error)) error {
	for tries := 0; ; tries++ {
		err := s.inTransaction(ctx, func(tx pgx.Tx) (end, error) {
			how, err := do(tx)
			if err != nil || how == abandon {
				return how, err
			}
			var batch pgx.Batch
			s.fence(&batch, stream)
			return keep, tx.SendBatch(ctx, &batch).Close()
		})
		if !errors.Is(err, errUnheld) || tries == maxTries {
			return err
		}
		if err := s.keepLock(ctx, stream); err != nil {
			return err
		}
	}
}
