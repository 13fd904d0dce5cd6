package extract

import (
	"context"
	"math"
	"slices"

	"github.com/terrace-elt/terrace/ods"
)

// Two requests cross when each was sent before the answer to the other had arrived. A source answers each at some moment
// between, so that nobody can tell from outside which of two answers that cross shows a record as it is later: a slow answer
// that was made first may arrive last. Where such answers say different things of one record, the one that is looked at
// last is asked for once more: what is asked after the other one has arrived is newer, whatever it says. Answers that do
// not cross are as old as the order of their arrival says.

const (
	// maxCrossings is how often an answer is asked for again because it crosses another.
	maxCrossings = 3
	// maxVain is of how many answers of one reading that does not help before it is given up: the records then differ with
	// each answer, whatever happens at the source.
	maxVain = 3
)

// told is what a slice's answer said.
type told struct {
	*seat
	asked, arrival int64
	contents       *ods.Contents
}

func (t told) crosses(other told) bool {
	return t.seat != other.seat && t.asked < other.arrival && other.asked < t.arrival
}

// asks says that a request is about to be sent.
func (s *seat) asks() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock++
	s.asked = s.clock
	s.forget()
}

// alone reports whether what arrived last crosses no other answer, neither one that is known nor one to come, and has been
// weighed with that. A nil seat is alone.
func (s *seat) alone() bool {
	if s == nil || s.settled {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	mine := told{seat: s, asked: s.asked, arrival: s.arrival}
	awaited := slices.ContainsFunc(s.seats, func(other *seat) bool { return other != s && other.asked > 0 })
	if s.vain < maxVain && (awaited || slices.ContainsFunc(s.told, mine.crosses)) {
		return false
	}
	s.asked = 0
	s.forget()
	return true
}

// tells notes what arrived last, unless it contradicts an answer that it crosses and is not to be noted anyway.
func (s *seat) tells(contents *ods.Contents, anyway bool) (contradicts bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	mine := told{seat: s, asked: s.asked, arrival: s.arrival, contents: contents}
	contradicts = slices.ContainsFunc(s.told, func(other told) bool {
		return mine.crosses(other) && contents.Contradicts(other.contents)
	})
	if contradicts && !anyway {
		return true
	}
	if contradicts {
		s.vain++
	}
	s.told = append(s.told, mine)
	s.asked = 0
	s.forget()
	return contradicts
}

// forget drops what no answer that is awaited can cross. It is for whoever holds the lock.
func (o *order) forget() {
	oldest := int64(math.MaxInt64)
	for _, s := range o.seats {
		if s.asked > 0 {
			oldest = min(oldest, s.asked)
		}
	}
	o.told = slices.DeleteFunc(o.told, func(t told) bool { return t.arrival < oldest })
}

// crossed is an error where the answer has to be asked for once more.
func (k *call) crossed(ctx context.Context) error {
	seat := seatOf(ctx)
	if k.stream == nil || seat.alone() {
		return nil
	}
	contents, err := k.contents()
	if err != nil {
		return err
	}
	anyway := k.crossings >= maxCrossings || k.repetitions+1 >= k.retry.Attempts
	if !seat.tells(contents, anyway) {
		return nil
	}
	if anyway {
		k.log.WarnContext(ctx, "answers that cross contradict each other again and again; what arrives last is current", "what", k.label,
			"hint", "declare version, or leave out of the request what differs with each answer")
		return nil
	}
	k.crossings++
	k.crossing = true
	k.exchange.drop()
	return &Error{Kind: Incomplete, Message: "a record changed while it was read: another answer on its way says something else of it", repeat: true}
}

// contents is what the answer says.
func (k *call) contents() (*ods.Contents, error) {
	contents, err := ods.NewContents(k.stream.Landing)
	if err != nil {
		return nil, err
	}
	given := k.stream.givenKeys(k.fill)
	for _, raw := range k.answer.records {
		contents.Add(ods.Record{Raw: raw, Given: given})
	}
	if k.answer.body.file == nil {
		return contents, nil
	}
	_, err = k.answer.selection.scanLong(k.answer.body.reader(), func(raw []byte, _ int64) error {
		contents.Add(ods.Record{Raw: raw, Given: given})
		return nil
	}, passOver)
	return contents, err
}
