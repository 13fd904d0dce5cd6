// Package trading is a stand-in for a broker's bucket: the CSV objects of accounts and trades that its systems put into
// S3, with the mistakes that such objects have, and books that say what a warehouse has to make of them. The business is
// a function of a seed and of the number of days that are over; the package reads no clock and no chance.
//
// A trading day that ends replaces account_assets.csv, adds the object of the day's trades, and corrects some rows of
// the day before. New accounts may trade before the object of accounts has them. On weekends nothing happens.
package trading

import (
	"sync"
	"time"
)

// Server is the upstream. It may be used by many goroutines at once.
type Server struct {
	options Options

	mu  sync.Mutex
	now *Ledger
}

// New makes a server that stands at the end of the options' last day. It panics when the options are out of range.
func New(o Options) *Server {
	o = o.withDefaults()
	return &Server{options: o, now: newLedger(o, o.Days)}
}

// Now is the upstream's time: midnight after the last day that is over.
func (s *Server) Now() time.Time { return s.options.date(s.Ledger().days) }

// Advance lets so many days pass. Requests that are under way see the time before.
func (s *Server) Advance(days int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = newLedger(s.options, s.now.days+days)
}

// Ledger is the state as it is now. It does not change when the server goes on.
func (s *Server) Ledger() *Ledger {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// Replace puts other content into an object, as an export that went wrong does, until a day passes.
func (s *Server) Replace(key string, content []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.with(key, content)
}
