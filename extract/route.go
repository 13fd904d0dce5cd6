package extract

import (
	"time"

	"github.com/terrace-elt/terrace/dag/model/strict"
	"github.com/terrace-elt/terrace/ods"
)

// route is an endpoint for windows of some age: the first for the newest, the last, which has no limit, for the oldest.
type route struct {
	newer strict.Duration
	path  value
}

// paths are the endpoints to ask for a window, nil for the request's own. One that reaches over a limit is asked of both
// sides, the newer first: a record that moves to the older side meanwhile is then seen there.
func (s *Stream) paths(spec ods.SliceSpec, now time.Time) []*value {
	if len(s.routes) == 0 {
		return []*value{nil}
	}
	var paths []*value
	upper := time.Time{} // no limit
	for i := range s.routes {
		r := &s.routes[i]
		var lower time.Time
		if !r.newer.IsZero() {
			lower = gridPoint(now.In(s.Slicing.Zone), r.newer, -1)
		}
		if spec.End.After(lower) && (upper.IsZero() || spec.Start.Before(upper)) {
			paths = append(paths, &r.path)
		}
		upper = lower
	}
	return paths
}
