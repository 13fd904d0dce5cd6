package ods

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

var (
	//go:embed sql/lock_holder.sql
	lockHolderSQL string
	//go:embed sql/lock_held.sql
	lockHeldSQL string
)

// HeldError is a stream that another session is reading.
type HeldError struct {
	Stream string
	// Application is the other session's application_name, PID its server process, Since when it took the lock; zero
	// when it has let go meanwhile or its session may not be seen.
	Application string
	PID         int
	Since       time.Time
}

func (e *HeldError) Error() string {
	if e.PID == 0 {
		return e.Stream + " was held by another run just now; try again, or wait for it with --wait"
	}
	return fmt.Sprintf("%s is held by %q (server process %d) since %s; wait for it with --wait, or end it",
		e.Stream, e.Application, e.PID, e.Since.UTC().Format(time.RFC3339))
}

// LostLockError is a stream that another session took when the one that held it was ended.
type LostLockError struct{ *HeldError }

func (e *LostLockError) Error() string {
	return "the session that held " + e.Stream + " was ended, and now " + e.HeldError.Error()
}

// Unwrap is who has the stream now.
func (e *LostLockError) Unwrap() error { return e.HeldError }

// streamLock is a stream's lock, in a session of its own: the server lets it go with the session.
type streamLock struct {
	stream string
	reader string     // the name of a lock that only this one's sessions hold
	mu     sync.Mutex // a session that has ended is followed by another
	conn   *pgx.Conn
}

// Lock makes the caller the one reader of a stream, until release is called or its session dies. With wait it waits for
// the present holder, without it a *HeldError names the holder. The lock has a connection of its own, beside the pool. Who
// writes afterwards and finds that session ended takes the lock again; a *LostLockError says that somebody else has it.
// release may be called once, from any goroutine.
func (s *Store) Lock(ctx context.Context, stream string, wait bool) (release func(), err error) {
	lock := &streamLock{stream: stream, reader: "terrace.reader:" + uuid.NewString()}
	if lock.conn, err = s.lockSession(ctx, lock, wait); err != nil {
		return nil, fmt.Errorf("lock %s: %w", stream, err)
	}
	s.locks.Store(stream, lock)
	return func() {
		s.locks.CompareAndDelete(stream, lock)
		lock.mu.Lock()
		defer lock.mu.Unlock()
		closeQuietly(ctx, lock.conn)
	}, nil
}

func (s *Store) lockSession(ctx context.Context, lock *streamLock, wait bool) (*pgx.Conn, error) {
	conn, err := s.dedicated(ctx)
	if err != nil {
		return nil, err
	}
	if err := lock.take(ctx, conn, wait); err != nil {
		closeQuietly(ctx, conn)
		return nil, err
	}
	return conn, nil
}

// keepLock takes a stream's lock again where its session has ended. It does nothing for one that is not locked.
func (s *Store) keepLock(ctx context.Context, stream string) error {
	known, locked := s.locks.Load(stream)
	if !locked {
		return nil
	}
	l := known.(*streamLock)
	l.mu.Lock()
	defer l.mu.Unlock()
	var held bool
	if err := s.pool.QueryRow(ctx, lockHeldSQL, lockName(stream), l.reader).Scan(&held); err != nil || held {
		return wrap(err, "look for the lock of %s", stream)
	}
	conn, err := s.lockSession(ctx, l, false)
	if other := (*HeldError)(nil); errors.As(err, &other) {
		return &LostLockError{other}
	}
	if err != nil {
		return fmt.Errorf("lock %s again: %w", stream, err)
	}
	closeQuietly(ctx, l.conn)
	l.conn = conn
	return nil
}

// dedicated opens a connection as the pool would, but one that no pool reuses, counts or closes.
func (s *Store) dedicated(ctx context.Context) (*pgx.Conn, error) {
	config := s.pool.Config()
	if config.BeforeConnect != nil {
		if err := config.BeforeConnect(ctx, config.ConnConfig); err != nil {
			return nil, err
		}
	}
	return pgx.ConnectConfig(ctx, config.ConnConfig)
}

// lockSettings are for a session that is idle while it holds a lock, and waits for it as long as the caller's context allows.
const lockSettings = `set idle_session_timeout = 0; set lock_timeout = 0; set statement_timeout = 0`

const lockSQL = "select pg_advisory_lock(hashtextextended($1, 0))"

// waitForLock takes a lock that goes with the session.
func waitForLock(ctx context.Context, conn *pgx.Conn, name string) error {
	if _, err := conn.Exec(ctx, lockSettings); err != nil {
		return err
	}
	_, err := conn.Exec(ctx, lockSQL, name)
	return err
}

// commitTime bounds the wait for the pages that another reader is committing, where the caller does not want to wait.
const commitTime = 10 * time.Second

// take takes the stream's lock and the reader's own, and lets those pages end that an earlier reader, whose session has
// ended, is committing: from then on no page of another reader is landed.
func (l *streamLock) take(ctx context.Context, conn *pgx.Conn, wait bool) error {
	if _, err := conn.Exec(ctx, lockSettings); err != nil {
		return err
	}
	if err := l.takeStream(ctx, conn, wait); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, lockSQL, l.reader); err != nil {
		return err
	}
	if !wait {
		if _, err := conn.Exec(ctx, fmt.Sprintf("set lock_timeout = %d", commitTime.Milliseconds())); err != nil {
			return err
		}
	}
	_, err := conn.Exec(ctx, lockSQL, commitName(l.stream))
	if sqlState(err) == "55P03" { // lock_not_available
		return holderOf(ctx, conn, l.stream, commitName(l.stream))
	}
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "select pg_advisory_unlock(hashtextextended($1, 0))", commitName(l.stream))
	return err
}

func (l *streamLock) takeStream(ctx context.Context, conn *pgx.Conn, wait bool) error {
	if wait {
		_, err := conn.Exec(ctx, lockSQL, lockName(l.stream))
		return err
	}
	return try(ctx, conn, "pg_try_advisory_lock", l.stream)
}

func lockName(stream string) string { return "terrace.stream:" + stream }

// commitName is the lock that the writers of a stream share while they commit.
func commitName(stream string) string { return "terrace.commit:" + stream }

// try takes a stream's lock by the server's function, or names who has it.
func try(ctx context.Context, db querier, function, stream string) error {
	var taken bool
	err := db.QueryRow(ctx, "select "+function+"(hashtextextended($1, 0))", lockName(stream)).Scan(&taken)
	if err != nil || taken {
		return err
	}
	return holderOf(ctx, db, stream, lockName(stream))
}

// holderOf is the *HeldError of a stream that names who has a lock.
func holderOf(ctx context.Context, db querier, stream, lock string) error {
	held := &HeldError{Stream: stream}
	err := db.QueryRow(ctx, lockHolderSQL, lock).Scan(&held.Application, &held.PID, &held.Since)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	return held
}

func closeQuietly(ctx context.Context, conn *pgx.Conn) {
	bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTime)
	defer cancel()
	// The server lets go when it hears that the client has gone, which is after the next one may ask. A connection that
	// cannot say goodbye is gone, and the lock with it.
	_, _ = conn.Exec(bye, "select pg_advisory_unlock_all()")
	_ = conn.Close(bye)
}
