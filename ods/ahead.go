package ods

import (
	"context"
	"errors"
	"time"
)

// patience bounds how long a page that has been written waits for its turn with a connection in its hands, which whoever
// is before it may need.
const patience = 5 * time.Second

// errNotYet ends the attempt to land a page before its turn.
var errNotYet = errors.New("its turn does not come")

// landAhead writes a page while those before it in its slice are being landed, and commits it when its turn has come: the
// server then works for both at once. It does not try where connections are short, and what fails is left to be done when
// it is the page's turn.
func (s *Store) landAhead(ctx context.Context, rel *relation, p *Prepared) (landed Landed, ok bool) {
	select {
	case <-p.page.Turn:
		return Landed{}, false
	default:
	}
	if p.refused() != nil || !s.connectionsToSpare() {
		return Landed{}, false
	}
	landed, err := s.landOnce(ctx, rel, p, p.page.Turn)
	return landed, err == nil
}

// connectionsToSpare leaves one to whoever has its turn.
func (s *Store) connectionsToSpare() bool {
	stat := s.pool.Stat()
	return stat.AcquiredConns()+2 <= stat.MaxConns()
}

// await waits for the page's turn.
func (p *Prepared) await(ctx context.Context) error {
	if p.page.Turn == nil {
		return nil
	}
	select {
	case <-p.page.Turn:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// comes waits for a turn, unless it is nil, as long as patience lasts.
func comes(ctx context.Context, turn <-chan struct{}) error {
	if turn == nil {
		return nil
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-turn:
		return nil
	case <-timer.C:
		return errNotYet
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
