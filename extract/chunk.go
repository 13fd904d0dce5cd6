package extract

import "github.com/terrace-elt/terrace/ods"

// What one transaction lands at most. A record is never cut, so a single large one may go beyond.
const (
	maxPageRecords = 5_000
	maxPageBytes   = 3 << 20
	arenaBlock     = 1 << 20
)

// chunker gathers records into pages.
type chunker struct {
	emit func(ods.Page) error
	page ods.Page // what all pages have in common, and what has been gathered
	size int
	// skip is how many records and rejects an earlier reading landed, count how many have gone by.
	skip, count int64
	// resume gives the text from which a later run goes on after the page, for sources that can.
	resume func() string
	arena  []byte
}

func (c *chunker) add(record ods.Record) error {
	skipped, err := c.room(len(record.Raw))
	if err == nil && !skipped {
		c.page.Records = append(c.page.Records, record)
	}
	return err
}

func (c *chunker) reject(reject ods.Reject) error {
	skipped, err := c.room(len(reject.Raw))
	if err == nil && !skipped {
		c.page.Rejects = append(c.page.Rejects, reject)
	}
	return err
}

// room sends off what has been gathered when another record would be too much.
func (c *chunker) room(size int) (skipped bool, err error) {
	if c.count < c.skip {
		c.count++
		return true, nil
	}
	n := len(c.page.Records) + len(c.page.Rejects)
	if n > 0 && (n >= maxPageRecords || c.size+size > maxPageBytes) {
		if err := c.finish(false); err != nil {
			return false, err
		}
	}
	c.size += size
	c.count++
	return false, nil
}

// keep copies a record's bytes to where they stay until the page has been landed.
func (c *chunker) keep(raw []byte) []byte {
	if c.count < c.skip {
		return raw
	}
	if cap(c.arena)-len(c.arena) < len(raw) {
		c.arena = make([]byte, 0, max(arenaBlock, len(raw)))
	}
	start := len(c.arena)
	c.arena = append(c.arena, raw...)
	return c.arena[start:len(c.arena):len(c.arena)]
}

// finish sends what has been gathered, even if it is nothing: the last page of a slice says that the slice is done.
func (c *chunker) finish(last bool) error {
	page := c.page
	page.Last = last
	if c.resume != nil {
		page.Resume = c.resume()
	}
	c.page.Records, c.page.Rejects, c.page.Meta, c.page.Bytes, c.size = nil, nil, nil, 0, 0
	return c.emit(page)
}

// know has the next page say something of the slice.
func (c *chunker) know(name string, what any) {
	if c.page.Meta == nil {
		c.page.Meta = map[string]any{}
	}
	c.page.Meta[name] = what
}
