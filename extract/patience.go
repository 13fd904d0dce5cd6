package extract

import (
	"context"
	"errors"
	"time"
)

// errTooSlow ends the wait for a server that works longer than limits.timeout.
var errTooSlow = errors.New("the server works longer than limits.timeout")

// abandoned is how much longer than limits.timeout a statement may take by the server's own watch. It is for those whose
// reader has died; it cannot tell its work from the wait for a reader that is busy landing.
const abandoned = time.Hour

// patience is how long the server may work until the next row. It runs only while the server is waited for, not while its
// rows are being landed.
type patience struct {
	ctx    context.Context //nolint:containedctx // it ends when patience does
	end    context.CancelCauseFunc
	timer  *time.Timer
	length time.Duration
}

// newPatience begins to wait. stop must be called.
func newPatience(ctx context.Context, length time.Duration) *patience {
	p := &patience{length: length}
	p.ctx, p.end = context.WithCancelCause(ctx)
	p.timer = time.AfterFunc(length, func() { p.end(errTooSlow) })
	return p
}

// rest stops the watch until resume.
func (p *patience) rest() { p.timer.Stop() }

func (p *patience) resume() { p.timer.Reset(p.length) }

// stop ends it and gives err, or errTooSlow where that is the reason of it.
func (p *patience) stop(err error) error {
	p.timer.Stop()
	if err != nil && errors.Is(context.Cause(p.ctx), errTooSlow) {
		err = errTooSlow
	}
	p.end(nil)
	return err
}
