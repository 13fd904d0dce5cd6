package jushuitan

import (
	"encoding/json"
	"maps"

	"github.com/terrace-elt/terrace/cmd/standin/money"
)

// Ledger is what a server holds at one time, and what it has served until then: the figures that a warehouse which was
// filled from it has to come to. It does not change when the server goes on.
type Ledger struct {
	holding *holding
	served  map[string]Served
}

// Served counts the requests of one path.
type Served struct {
	Requests int // also those that were refused
	Refused  int // answered with another code than 0
	Rows     int // records sent, also those sent before
}

// Ledger takes the state as it is now.
func (s *Server) Ledger() *Ledger {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &Ledger{holding: s.now, served: maps.Clone(s.served)}
}

// Served is what has been asked of each path.
func (l *Ledger) Served() map[string]Served { return l.served }

// Records are the current records by io_id, byte for byte as the new gateway serves them.
func (l *Ledger) Records() map[int64]json.RawMessage {
	records := make(map[int64]json.RawMessage, len(l.holding.byTS))
	for _, r := range l.holding.byTS {
		records[r.io] = r.new()
	}
	return records
}

// Orders and Items count what there is.
func (l *Ledger) Orders() int { return len(l.holding.byTS) }

// Items counts the lines of all out-orders.
func (l *Ledger) Items() int {
	n := 0
	for _, r := range l.holding.byTS {
		n += len(r.items)
	}
	return n
}

// Differing are the out-orders whose head does not say what their lines and freight come to, and by how much.
func (l *Ledger) Differing() map[int64]money.Cents {
	differing := map[int64]money.Cents{}
	for _, r := range l.holding.byTS {
		if r.header != 0 {
			differing[r.io] = r.header
		}
	}
	return differing
}

// Hidden are the out-orders that had left, or were about to, and were cancelled then: who reads nothing but shipped
// orders keeps them for ever.
func (l *Ledger) Hidden() []int64 {
	var hidden []int64
	for _, r := range l.holding.byTS {
		if r.status == cancelled && !r.shipped.IsZero() {
			hidden = append(hidden, r.io)
		}
	}
	return hidden
}
