package extract_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/terrace-elt/terrace/extract"
	"github.com/terrace-elt/terrace/ods"
)

// lander keeps pages in memory and holds the reader to the rules of the real one: pages of a slice are numbered without
// a hole, a slice that is done stays so, and nothing comes after the last page.
type lander struct {
	mu      sync.Mutex
	state   ods.State
	slices  []*openSlice
	pages   []ods.Page
	parents [][]string
	each    map[string][]any // by query
	// refuse, when set, is asked before a page is landed.
	refuse func(ods.Page) error
}

type openSlice struct {
	ods.Slice
	stream string
	state  string
	cause  string
}

func (l *lander) State(context.Context, string) (ods.State, error) { return l.state, nil }

func (l *lander) OpenSlice(_ context.Context, stream ods.Stream, spec ods.SliceSpec, _ uuid.UUID) (ods.Slice, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.slices {
		same := s.stream == stream.Name && s.Spec.Kind == spec.Kind && s.Spec.Variant == spec.Variant && s.Spec.Key == spec.Key && s.Spec.Start.Equal(spec.Start) && s.Spec.End.Equal(spec.End)
		if same && s.state != "done" {
			s.state = "open"
			return s.Slice, nil
		}
	}
	s := &openSlice{stream: stream.Name, Slice: ods.Slice{ID: int64(len(l.slices) + 1), Spec: spec}, state: "open"}
	l.slices = append(l.slices, s)
	return s.Slice, nil
}

func (l *lander) Land(ctx context.Context, page ods.Page) (ods.Landed, error) {
	if page.Turn != nil {
		select {
		case <-page.Turn:
		case <-ctx.Done():
			return ods.Landed{}, context.Cause(ctx)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refuse != nil {
		if err := l.refuse(page); err != nil {
			return ods.Landed{}, err
		}
	}
	s := l.slices[page.Slice.ID-1]
	if s.state != "open" || page.Number != s.Pages+1 {
		return ods.Landed{}, fmt.Errorf("page %d of slice %d, which is %s and has %d", page.Number, s.ID, s.state, s.Pages)
	}
	s.Pages, s.Resume = page.Number, page.Resume
	if page.Last {
		s.state = "done"
		if s.Spec.Kind == ods.Parents {
			l.parents = nil // none has changed since
		}
	}
	for i, r := range page.Records {
		page.Records[i].Raw = bytes.Clone(r.Raw)
	}
	l.pages = append(l.pages, page)
	return ods.Landed{Inserted: int64(len(page.Records)), Rejected: int64(len(page.Rejects))}, nil
}

func (l *lander) FailSlice(_ context.Context, slice ods.Slice, cause string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.slices[slice.ID-1]
	s.state, s.cause = "failed", cause
	return nil
}

func (l *lander) ParentKeys(_ context.Context, q ods.ParentQuery) ([][]string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var keys [][]string
	for _, k := range l.parents {
		if (q.After == nil || k[0] > q.After[0]) && len(keys) < q.Limit {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

func (l *lander) EachValues(_ context.Context, sql string) ([]any, error) {
	if l.each == nil {
		return nil, errors.New("no values for " + sql)
	}
	return l.each[sql], nil
}

// sort puts the pages in the order of their slices: those of several are landed at once.
func (l *lander) sort() {
	slices.SortStableFunc(l.pages, func(a, b ods.Page) int { return cmp.Compare(a.Slice.ID, b.Slice.ID) })
}

// records are all records that were landed, in their order.
func (l *lander) records() []string {
	var out []string
	for _, p := range l.pages {
		for _, r := range p.Records {
			out = append(out, string(r.Raw))
		}
	}
	return out
}

func (l *lander) rejects() []ods.Reject {
	var out []ods.Reject
	for _, p := range l.pages {
		out = append(out, p.Rejects...)
	}
	return out
}

// states gives each slice's state, in the order in which they were opened.
func (l *lander) states() []string {
	var out []string
	for _, s := range l.slices {
		out = append(out, s.state)
	}
	return out
}

var errPowerCut = errors.New("power cut")

// patience is a time limit that nothing reaches.
const patience = "PT5M"

// noon is the time of every test.
var noon = time.Date(2026, 1, 20, 12, 0, 0, 0, time.UTC)

func quick(l *lander, env map[string]string) extract.Deps {
	return extract.Deps{
		Lander: l,
		Now:    func() time.Time { return noon },
		LookupEnv: func(name string) (string, bool) {
			v, ok := env[name]
			return v, ok
		},
		Retry: extract.Retry{Attempts: 4, Min: time.Millisecond, Max: 4 * time.Millisecond, Longest: 2 * time.Second},
	}
}
