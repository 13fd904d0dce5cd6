package extract

import (
	"context"
	"fmt"
	"time"
)

// Rewinder puts watermarks back that a clock which was ahead has left in the future. *ods.Store is one.
type Rewinder interface {
	// FalseSince is where the windows begin that were read by such a clock; zero where none is known.
	FalseSince(ctx context.Context, stream string, variants []string, now time.Time) (time.Time, error)
	// PutBack moves the stream's watermarks that lie after now to an instant before it.
	PutBack(ctx context.Context, stream string, to, now time.Time) error
}

// weighFuture looks for watermarks that lie in the future: what comes until then would never be read, and a reading that has
// nothing to do until then is no success. A window that is asked for puts them back to where it begins.
func (r *reading) weighFuture(ctx context.Context, watermarks map[string]time.Time) error {
	slicing, now, from := r.stream.Slicing, r.deps.Now(), r.job.Window.From
	ahead := slicing.ahead(watermarks, now)
	switch {
	case len(ahead) == 0 || r.planning:
		return nil
	case from.IsZero():
		return r.tellFuture(ctx, watermarks, ahead, now)
	case from.Before(now) && r.deps.Rewinder != nil:
		return r.deps.Rewinder.PutBack(ctx, r.stream.Name, from, now)
	}
	return nil
}

// tellFuture says what to do, and that the reading is no success when some of the variants have nothing to read now.
func (r *reading) tellFuture(ctx context.Context, watermarks map[string]time.Time, ahead []string, now time.Time) error {
	var since time.Time
	if r.deps.Rewinder != nil {
		var err error
		if since, err = r.deps.Rewinder.FalseSince(ctx, r.stream.Name, ahead, now); err != nil {
			return err
		}
	}
	slicing, of, at := r.stream.Slicing, "", "TIME, when it was right last,"
	if ahead[0] != "" {
		of = " of " + ahead[0]
	}
	if !since.IsZero() {
		at = since.In(slicing.Zone).Format(time.RFC3339)
	}
	e := &Error{
		Kind: Incomplete,
		Message: fmt.Sprintf("the last reading%s ended at %s, which is in the future: this machine's clock was ahead then, or is behind now",
			of, watermarks[ahead[0]].In(slicing.Zone).Format(time.RFC3339)),
		Hint: fmt.Sprintf("if the clock is right now, terrace extract %s --from %s reads again what was read by the wrong one, and goes on from there",
			r.stream.Name, at),
	}
	for _, variant := range ahead {
		if start, end := slicing.span(watermarks[variant], now, r.job.Window); !start.Before(end) {
			r.ahead = e
			r.result.Slices++
			r.result.SlicesFailed++
		}
	}
	if r.ahead == nil {
		r.deps.Log.WarnContext(ctx, e.Message, "stream", r.stream.Name, "hint", e.Hint)
	}
	return nil
}
