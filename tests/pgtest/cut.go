package pgtest

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// ErrCut is why a connection ended that a Cutter cut.
var ErrCut = errors.New("the cable was cut")

// Cutter ends a connection at one of the client's messages: before the server gets it, or after, before the answer.
type Cutter struct {
	mu        sync.Mutex
	armed     bool
	remaining int
	after     bool
	cut       func()
	fired     bool
}

// Cuttable opens a pool to the same database whose connections, together, can be cut once for each time that the cutter
// is armed. It is closed when the test ends.
func (db *DB) Cuttable(t testing.TB, connections int32) (*pgxpool.Pool, *Cutter) {
	t.Helper()
	config, err := pgxpool.ParseConfig(db.URL)
	require.NoError(t, err)
	c := &Cutter{}
	config.MaxConns = connections
	dial := config.ConnConfig.DialFunc
	config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		return &cable{conn, c}, err
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool, c
}

// Arm has the connection cut at a message, counted from 0, before the server gets it or after. Then cut is called.
func (c *Cutter) Arm(message int, after bool, cut func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.armed, c.remaining, c.after, c.cut, c.fired = true, message, after, cut, false
}

// now reports whether this message is the one.
func (c *Cutter) now() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.armed {
		return false
	}
	c.remaining--
	if c.remaining >= 0 {
		return false
	}
	c.armed, c.fired = false, true
	c.cut()
	return true
}

// Disarm reports whether a connection was cut.
func (c *Cutter) Disarm() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.armed = false
	return c.fired
}

type cable struct {
	net.Conn
	cutter *Cutter
}

func (c *cable) Write(message []byte) (int, error) {
	if !c.cutter.now() {
		return c.Conn.Write(message)
	}
	if c.cutter.after {
		if _, err := c.Conn.Write(message); err != nil {
			return 0, err
		}
	}
	return 0, errors.Join(&net.OpError{Op: "write", Err: ErrCut}, c.Conn.Close())
}
