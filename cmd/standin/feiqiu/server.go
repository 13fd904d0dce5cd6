// Package feiqiu is a stand-in for the API of a billiards-hall system: the paths, envelopes and oddities of the real
// one over an invented business, and a ledger of what it holds and has served. The business is a function of a seed
// and of the number of days that are over; the package reads no clock and no chance.
//
// A day that ends brings its orders, one settlement of an earlier day that a till sends late, one refund of an
// earlier day's settlement, two changed members and changed tables in each hall. Every other record keeps its bytes.
package feiqiu

import (
	"net/http"
	"sync"
	"time"
)

// Server is the upstream. It may be used by many goroutines at once.
type Server struct {
	options Options
	streams []stream

	mu     sync.Mutex
	now    *holding
	served map[string]Served // by path
	count  int               // requests, over all paths
}

// New makes a server that stands at the end of the options' last day. It panics when the options are out of range.
func New(o Options) *Server {
	o = o.withDefaults()
	return &Server{options: o, streams: streams(), now: hold(o, o.Days), served: map[string]Served{}}
}

// Now is the upstream's time: midnight after the last day that is over.
func (s *Server) Now() time.Time { return s.holding().now() }

// Sites are the ids of the halls, as requests name them.
func (s *Server) Sites() []int64 {
	var ids []int64
	for _, site := range s.holding().sites {
		ids = append(ids, site.id)
	}
	return ids
}

// Advance lets so many days pass. Requests that are under way see the time before.
func (s *Server) Advance(days int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = hold(s.options, s.now.after+days)
}

// hold lives the days from the first one on: a view that is still being read must not see its histories grow.
func hold(o Options, days int) *holding {
	w := newWorld(o)
	w.liveUntil(days)
	return &holding{view: view{world: w, after: days}, tables: map[string]*content{}}
}

func (s *Server) holding() *holding {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// Handler serves the API below BasePath.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, stream := range s.streams {
		mux.Handle(BasePath+stream.path, s.endpoint(stream, false))
		if stream.former != "" {
			mux.Handle(BasePath+stream.former, s.endpoint(stream, true))
		}
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		answer(w, refusal{http.StatusNotFound, http.StatusNotFound, "接口不存在"}.reply())
	})
	return mux
}
