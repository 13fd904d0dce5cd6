// Package jushuitan is a stand-in for the open platform of an order-management system: both of its gateways with their
// signatures, tokens, limits and oddities over an invented merchant, and a ledger of what it holds. The business is a
// function of a seed and of the number of days that are over.
//
// A day that ends brings its orders, and what becomes of earlier ones: they are shipped, cancelled before or after
// that, given remarks, corrected in price, archived. Every such change moves an order's modified and ts.
package jushuitan

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/terrace-elt/terrace/cmd/standin/refusals"
)

// Server is the upstream. It may be used by many goroutines at once.
type Server struct {
	options Options
	limiter *limiter

	mu      sync.Mutex
	now     *holding
	touched map[int64]touch   // out-orders that were given a remark while a list was read
	count   int               // requests, over all paths
	again   refusals.Counter  // of requests that met a fault
	pages   int               // pages of windows that had a page behind them
	served  map[string]Served // by path
}

// New makes a server that stands at the end of the options' last day. It panics when the options are out of range.
func New(o Options) *Server {
	o = o.withDefaults()
	s := &Server{options: o, limiter: newLimiter(o), touched: map[int64]touch{}, served: map[string]Served{}}
	s.now = hold(o, o.Days, nil)
	return s
}

// Now is the upstream's time: midnight after the last day that is over.
func (s *Server) Now() time.Time { return s.holding().now }

// Advance lets so many days pass. Requests that are under way see the time before.
func (s *Server) Advance(days int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = hold(s.options, s.now.days+days, maps.Clone(s.touched))
}

func (s *Server) holding() *holding {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// touch is when a remark was written, and how many there had been before.
type touch struct {
	at     time.Time
	before int
}

// touch writes a remark on an out-order, now.
func (s *Server) touch(io int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, again := s.touched[io]; again {
		return
	}
	s.touched[io] = touch{s.now.now, len(s.touched)}
	s.now = hold(s.options, s.now.days, maps.Clone(s.touched))
}

// The paths of the gateways.
const (
	OldGateway  = "/api/open/query.aspx"
	NewGateway  = "/open/orders/out/simple/query"
	InitPath    = "/openWeb/auth/getInitToken"
	RefreshPath = "/openWeb/auth/refreshToken"
)

// Handler serves both gateways.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for path, serve := range map[string]func(*http.Request) reply{
		OldGateway: s.oldGateway, NewGateway: s.newGateway, InitPath: s.initToken, RefreshPath: s.refreshToken,
	} {
		mux.HandleFunc(path, s.counted(path, serve))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { refuse(codeNoInterface, "接口不存在").write(w) })
	return mux
}

// counted puts limits and faults before a path, and notes what it was asked.
func (s *Server) counted(path string, serve func(*http.Request) reply) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		answer, faulty := s.fault(r)
		if !faulty {
			answer, faulty = s.limiter.answer()
		}
		if !faulty {
			answer = serve(r)
		}
		s.countAnswer(path, answer)
		answer.write(w)
	}
}

// fault counts a request and gives the fault that it meets, if it meets one.
func (s *Server) fault(r *http.Request) (reply, bool) {
	body, _ := io.ReadAll(r.Body) // what is missing fails where it is read
	r.Body = io.NopCloser(bytes.NewReader(body))
	// Of a form, only what it asks for: the rest is of its time.
	request := r.URL.Path
	if form, err := url.ParseQuery(string(body)); err == nil && form.Has("biz") {
		request += form.Get("biz")
	} else if r.URL.Path == OldGateway {
		request += string(body)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	answer, faulty := s.options.Faults.answer(s.count)
	if !faulty || s.again.Due(request) {
		s.again.Answered(request)
		return reply{}, false
	}
	s.again.Refused(request)
	return answer, true
}

func (s *Server) countAnswer(path string, a reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	count := s.served[path]
	count.Requests++
	count.Rows += a.rows
	if a.code != codeOK {
		count.Refused++
	}
	s.served[path] = count
}
