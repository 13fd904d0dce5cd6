package extract

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// A difference between the source's clock and ours that is shorter than the first is that of two clocks and the way
// between them; one that is longer than the second is no clock that is wrong, but a time that somebody has chosen.
const (
	leastSkew = time.Minute
	mostSkew  = 24 * time.Hour
)

// compareClocks learns from an answer how far the source's clock is ahead of ours, and tells it once.
func (c *client) compareClocks(ctx context.Context, resp *http.Response) {
	theirs, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil || c.replaying {
		return
	}
	skew := theirs.Sub(c.now())
	if skew.Abs() < leastSkew || skew.Abs() > mostSkew {
		skew = 0
	}
	if before := c.skew.Swap(int64(skew)); before == 0 && skew != 0 {
		c.log.WarnContext(ctx, "the clocks differ: what requests say of now is taken from the source's",
			"source", c.source.Name, map[bool]string{true: "source is ahead by", false: "source is behind by"}[skew > 0], skew.Abs().Round(time.Second).String())
	}
}

// theirNow is the time by the source's clock, as far as it is known.
func (c *client) theirNow() time.Time { return c.now().Add(time.Duration(c.skew.Load())) }

// future is the error of a window that ends after the source's present: what comes until then would count as read.
func (c *client) future(end time.Time) error {
	ahead := -time.Duration(c.skew.Load())
	if ahead <= 0 || !end.After(c.theirNow()) {
		return nil
	}
	return &Error{
		Kind:    Incomplete,
		Message: fmt.Sprintf("this machine's clock is %s ahead of the source's, so that the window ends in the source's future", ahead.Round(time.Second)),
		Hint:    "Set the clock, or declare settle in slices, longer than that.",
	}
}
