package feiqiu

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// Ledger is what a server holds at one time, and what it has served until then: the figures that a warehouse which
// was filled from it has to come to. It does not change when the server goes on.
type Ledger struct {
	holding *holding
	streams []stream
	served  map[string]Served
}

// Served counts the requests of one path, BasePath left out.
type Served struct {
	Requests int // also those that were refused
	Refused  int // answered with anything but 200
	Rows     int // records sent, also those sent before
}

// Totals are the figures of one stream.
type Totals struct {
	Count int
	Sums  map[string]Cents // by the record's field
}

// Ledger takes the state as it is now.
func (s *Server) Ledger() *Ledger {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &Ledger{holding: s.now, streams: s.streams, served: make(map[string]Served, len(s.served))}
	for path, count := range s.served {
		l.served[path] = count
	}
	return l
}

func (s *Server) countRequest(path string) (all, ofPath int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	count := s.served[path]
	count.Requests++
	s.served[path] = count
	s.count++
	return s.count, count.Requests
}

func (s *Server) countAnswer(path string, a reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	count := s.served[path]
	count.Rows += a.rows
	if a.status != http.StatusOK {
		count.Refused++
	}
	s.served[path] = count
}

// Streams are the names of what the server offers, "member_profiles" first.
func (l *Ledger) Streams() []string {
	names := make([]string, len(l.streams))
	for i, st := range l.streams {
		names[i] = st.name
	}
	return names
}

// Records are a stream's current records by key, byte for byte as they are served. An unknown stream panics.
func (l *Ledger) Records(stream string) map[int64]json.RawMessage {
	records := map[int64]json.RawMessage{}
	for key, r := range l.content(stream).byKey {
		records[key] = r.raw
	}
	return records
}

// Totals adds up a stream. An unknown stream panics.
func (l *Ledger) Totals(stream string) Totals {
	rows := l.content(stream).rows
	t := Totals{Count: len(rows), Sums: map[string]Cents{}}
	for i, name := range l.stream(stream).amounts {
		for _, r := range rows {
			t.Sums[name] += r.amounts[i]
		}
	}
	return t
}

// Served is what has been asked of each path, BasePath left out.
func (l *Ledger) Served() map[string]Served { return l.served }

func (l *Ledger) content(name string) *content { return l.holding.content(l.stream(name)) }

func (l *Ledger) stream(name string) stream {
	for _, st := range l.streams {
		if st.name == name {
			return st
		}
	}
	panic(fmt.Sprintf("feiqiu: no stream %q", name))
}
