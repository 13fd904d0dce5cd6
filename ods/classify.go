package ods

import (
	"slices"
	"time"
)

// held is the current row of a key as the database has it; the zero value is none.
type held struct {
	exists    bool
	hash      hash
	version   int64
	deleted   bool
	firstSeen time.Time
	order     order
	// overtaking says that the same run fetched the row after the page that is landed now, in a stream whose records have
	// no version of their own: pages that are read at once land in any order.
	overtaking bool
}

// newerThan reports whether the current row stays, although it came before r.
func (h held) newerThan(r *row, stream Stream) bool {
	return h.overtaking || h.exists && stream.Version != "" && r.order.compare(h.order) < 0
}

// landing is what a page's records do to the tables.
type landing struct {
	// current are the rows that become current, past those that only go to the history, in the order of arrival.
	current []int
	past    []int
	// moved are the groups whose current row goes to the history.
	moved []int

	inserted, updated, unchanged int64
}

// outcome is what the records of one key come to.
type outcome struct {
	final    int   // the row that becomes current, -1 for none
	replaced []int // rows that became current and were replaced within the page
	late     []int // rows older than the current one
}

// settle takes the records of one key in the order of arrival.
func settle(stream Stream, rows []row, members []int, current held) outcome {
	out := outcome{final: -1}
	for _, i := range members {
		r := &rows[i]
		live := current.exists && !current.deleted
		switch {
		case live && (r.hash == current.hash || stream.KeepFirst):
		case current.newerThan(r, stream):
			out.late = append(out.late, i)
		default:
			if out.final >= 0 {
				out.replaced = append(out.replaced, out.final)
			}
			out.final = i
			current = held{exists: true, hash: r.hash, order: r.order}
		}
	}
	return out
}

// withoutRepeats drops what the history shows to be a page that comes again: replaced records that are all known and
// lead back to the row that is current already, and late records that are known or were current until now.
func (o outcome) withoutRepeats(rows []row, current held, known func(row int) bool) outcome {
	if o.final >= 0 && current.exists && !current.deleted && rows[o.final].hash == current.hash &&
		!slices.ContainsFunc(o.replaced, func(i int) bool { return !known(i) }) {
		o.final, o.replaced = -1, nil
	}
	var late []int
	for _, i := range o.late {
		same := func(j int) bool { return rows[j].hash == rows[i].hash }
		if known(i) || (current.exists && current.hash == rows[i].hash) {
			continue
		}
		if !slices.ContainsFunc(late, same) && !slices.ContainsFunc(o.replaced, same) {
			late = append(late, i)
		}
	}
	o.late = late
	return o
}

// past is the rows that go to the history only, in the order of arrival.
func (o outcome) past() []int {
	past := slices.Concat(o.replaced, o.late)
	slices.Sort(past)
	return past
}

// add counts one key's outcome in.
func (l *landing) add(group int, members int, o outcome, current held) {
	past := o.past()
	written := len(past)
	l.past = append(l.past, past...)
	if o.final >= 0 {
		written++
		l.current = append(l.current, o.final)
		if current.exists {
			l.moved = append(l.moved, group)
		}
		if !current.exists || current.deleted {
			l.inserted++
			l.updated--
		}
	}
	l.updated += int64(written)
	l.unchanged += int64(members - written)
}
