// Package crm is a stand-in for the people and programs that drop import files into a folder: orders as CSV and JSON, the
// events that announce them, and what salespeople did to leads. It has books that say what a warehouse has to make of
// them. The business is a function of a seed and of the number of days that are over; the package reads no clock and no
// chance.
//
// A day brings some imports: orders of new and known customers, orders of before with another status, rows that cannot be
// used, and now and then an event that nobody understands, which is sent again, corrected, a day later.
package crm

import (
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Server is the upstream. It may be used by many goroutines at once.
type Server struct {
	options Options

	mu  sync.Mutex
	now *Ledger
}

// New makes an upstream that stands at the end of the options' last day. It panics when the options are out of range.
func New(o Options) *Server {
	o = o.withDefaults()
	return &Server{options: o, now: newLedger(o, o.Days)}
}

// Now is the upstream's time: midnight after the last day that is over.
func (s *Server) Now() time.Time { return s.options.date(s.Ledger().days) }

// Advance lets so many days pass.
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

// Write puts the files that are there by now into a folder, which is made if need be. A file that is there already is
// left as it is: files never change.
func (s *Server) Write(folder string) error {
	l := s.Ledger()
	for _, name := range l.Names() {
		path := filepath.Join(folder, name)
		if _, err := os.Stat(path); err == nil {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		// A reader sees a file whole or not at all.
		if err := os.WriteFile(path+".part", l.File(name), 0o644); err != nil {
			return err
		}
		if err := os.Rename(path+".part", path); err != nil {
			return err
		}
	}
	return nil
}
