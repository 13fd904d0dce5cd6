package extract

import (
	"fmt"
	"slices"

	"github.com/terrace-elt/terrace/ods"
)

// overlap counts the records that come on more than one page of a slice. Pages overlap when a record moves to one that is still
// to come, or when the source has no order that stays: another record is then on none of them, and the number of records
// equals the total all the same. It keeps eight bytes for each record. The zero overlap has seen nothing.
type overlap struct {
	keys    []uint64 // of the pages' records
	doubled int64    // records of which the same page has another one of that key
	moved   int64    // those of which an earlier page has
}

// add takes in the keys of a page.
func (l *overlap) add(page []uint64) {
	slices.Sort(page)
	before := len(page)
	page = slices.Compact(page)
	l.doubled += int64(before - len(page))
	l.keys = append(l.keys, page...)
}

// again is how many records were on an earlier page already.
func (l *overlap) again() int64 {
	slices.Sort(l.keys)
	before := len(l.keys)
	l.keys = slices.Compact(l.keys)
	l.moved += int64(before - len(l.keys))
	return l.moved
}

// short reports whether the pages so far have fewer records than the source says it has. Where some came twice, it takes more
// pages than the total says; one without anything new is the end.
func (p *pager) short() bool {
	if p.beyond = p.offset >= *p.reported; !p.beyond {
		return true
	}
	before := p.single
	p.single = p.offset - p.overlap.again()
	return p.single < *p.reported && p.single > before
}

// addsUp compares what was received with the total of the last page. What counts once is a record that came on several pages:
// the total counts it once, too. A total that shrank means that records were taken away while pages were read, which may have
// moved others from a page to come into one already read.
func (p *pager) addsUp() error {
	if p.reported == nil || *p.reported == 0 && p.offset > 0 {
		return nil
	}
	total, moved := *p.reported, p.overlap.again()
	single := p.offset - moved
	switch {
	case p.shrunk:
		if p.offset == total && moved == 0 {
			return &Error{Kind: Incomplete, Message: "the source's total became smaller while its pages were read", Hint: "run again", narrow: true}
		}
	case single == total || single-p.overlap.doubled == total:
		return nil
	case p.again && p.offset == total && single >= p.atFirst:
		// Where records come to the front all the time, each shifts the pages by one. Whatever there was at the first page has been
		// read; what came since is read the next time.
		return nil
	}
	if moved > 0 {
		return &Error{
			Kind: Incomplete, narrow: p.asked > 1,
			Message: fmt.Sprintf("%d records received, of which %d were on an earlier page already; the source says %d", p.offset, moved, total),
			Hint: "pages overlap, so that a record may be on none of them: ask for the records in an order that stays, such as by their key, or in pages that go on after a key (keyset); " +
				"where a key belongs on several pages, as in a list of versions, write repeats: true under paginate",
		}
	}
	return &Error{
		Kind: Incomplete, Message: fmt.Sprintf("%d records received, the source says %d", p.offset, total), narrow: p.asked > 1,
		Hint: "records may have changed while they were read; run again, and if it stays so, check paginate and records",
	}
}

// listKeys takes in the keys of an answer's records, where a total says how many there should be.
func (p *pager) listKeys(a *answer) error {
	only := p.asked == 1 && p.reported != nil && a.env.count == *p.reported
	if p.keys == nil || p.total < 0 || p.repeating || p.kind == "none" || only {
		return nil
	}
	page := make([]uint64, 0, a.env.count)
	add := func(raw []byte, _ int64) error {
		if key, ok := p.keys.Key(ods.Record{Raw: raw, Given: p.given}); ok {
			page = append(page, key)
		}
		return nil
	}
	if a.body.file == nil {
		for _, raw := range a.records {
			_ = add(raw, 0) // it has no errors
		}
	} else if _, err := a.selection.scanLong(a.body.reader(), add, passOver); err != nil {
		return err
	}
	p.overlap.add(page)
	return nil
}
