package main

import (
	"context"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/tests/pgtest"
)

// silent is a connection whose other end, once it is gone, takes nothing any more.
type silent struct {
	net.Conn
	gone    *atomic.Bool
	over    chan struct{}
	expired sync.Once
}

func (s *silent) Write(p []byte) (int, error) {
	if !s.gone.Load() {
		return s.Conn.Write(p)
	}
	<-s.over
	return 0, os.ErrDeadlineExceeded
}

func (s *silent) SetDeadline(at time.Time) error {
	if s.gone.Load() && !at.IsZero() && time.Until(at) <= 0 {
		s.expired.Do(func() { close(s.over) })
	}
	return s.Conn.SetDeadline(at)
}

func TestHangUp_waitsAMomentForAServerThatIsGone(t *testing.T) {
	t.Parallel()
	config, err := pgx.ParseConfig(pgtest.NewEmpty(t).URL)
	require.NoError(t, err)
	var gone atomic.Bool
	dial := config.DialFunc
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		return &silent{Conn: conn, gone: &gone, over: make(chan struct{})}, err
	}
	conn, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	gone.Store(true)
	ended := make(chan struct{})
	go func() {
		hangUp(conn)
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(hangUpTimeout + 5*time.Minute):
		require.Fail(t, "it still waits")
	}
	require.True(t, conn.IsClosed())
}
