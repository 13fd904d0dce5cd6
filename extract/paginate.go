package extract

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/terrace-elt/terrace/ods"
)

// paginate says how a slice's pages follow each other. Indexes are those of captured values, -1 where not declared.
type paginate struct {
	kind                     string // page, offset, cursor, next_link, link_header, keyset, none
	start                    int
	first                    any    // keyset: the key to begin after; nil for none
	resume                   string // keyset: a query for the key to begin after instead
	size                     int
	maxPages                 int
	maxEmpty                 int  // pages without records in a row, while the source says that more come
	repeating                bool // one key may be on several pages
	more, total, pages, next int
	paths                    map[string]string
	keyset                   *selection // of the key in a record; nil for other kinds
	base                     *url.URL   // of the source
	hosts                    []string   // others that links may lead to
}

const defaultMaxEmpty = 3

// pager walks through the pages of one slice and proves that they are all there.
type pager struct {
	paginate
	number   int      // of the page to ask for
	offset   int64    // records received so far
	cursor   any      // what the page before says to go on with; nil for the first
	link     *url.URL // the same, of links
	tie      any      // the key that the last records of a keyset's full page share; nil for none
	rising   bool     // a keyset's key has grown
	falling  bool
	asked    int // pages received
	empty    int // of them, without records, in a row
	shrunk   bool
	overlap  overlap // where a total is told
	beyond   bool    // as many records as the total have come, so that a further page is asked for only since some came twice
	single   int64   // records without those, at that time
	atFirst  int64   // the total of the first page that told one
	again    bool    // an earlier reading found records, but not all
	reported *int64  // the total, as the latest page says
	pages64  *int64
	seen     map[[sha256.Size]byte]int
	runs     map[ods.KeyRun]int // pages by the keys of their records
	keys     *ods.KeyRuns
	given    []string       // values of key columns that the records do not have
	cursors  map[string]int // by what they are, the page that gave them
}

func newPager(p paginate) *pager {
	return &pager{paginate: p, number: p.start, cursor: p.first, seen: map[[sha256.Size]byte]int{}, runs: map[ods.KeyRun]int{}, cursors: map[string]int{}}
}

// fill says which page to ask for.
func (p *pager) fill(f *fill) {
	f.values["page.number"] = int64(p.number)
	f.values["page.size"] = int64(p.size)
	f.values["page.offset"] = p.offset
	f.values["cursor"] = p.cursor
	f.link = p.link
}

// advance takes in a page and reports whether another one follows. An error means that the slice cannot be complete.
func (p *pager) advance(a *answer) (more bool, err error) {
	p.asked++
	records := a.env.count
	if err := p.repeats(a); err != nil {
		if p.beyond {
			a.skipped, err = true, nil // addsUp says what is missing
		}
		return false, err
	}
	p.offset += records
	if err := p.readCounts(a.env); err != nil || p.kind == "none" {
		return false, err
	}
	if err := p.listKeys(a); err != nil {
		return false, err
	}
	if more, err = p.follows(a, records); err != nil || !more {
		return false, err
	}
	if records > 0 {
		p.empty = 0
	} else if p.empty++; p.empty >= p.maxEmpty {
		return false, &Error{Kind: Incomplete, Message: fmt.Sprintf("%d pages in a row are empty, yet the source says that more follow", p.empty)}
	}
	if p.asked >= p.maxPages {
		return false, &Error{
			Kind: TooManyPages, Message: fmt.Sprintf("more follows after %d pages, which is max_pages", p.asked),
			Hint: "shorten slices.step, or raise paginate.max_pages",
		}
	}
	p.number++
	return true, nil
}

// repeats refuses a page that was there before: the same records, or records of the same keys, of which each may have
// something that differs with every answer. One that does not move beyond the key it was asked to begin after is weighed as
// the end of a keyset.
func (p *pager) repeats(a *answer) error {
	if a.env.count == 0 || p.sameKey(a) {
		return nil
	}
	first, again, what := p.seen[a.content], false, "the same records"
	if again = first > 0; !again && p.kind != "none" {
		if run := p.keys.Of(a.records, p.given); run != (ods.KeyRun{}) {
			first, what = p.runs[run], "records of the same keys"
			again = first > 0
			p.runs[run] = p.asked
		}
	}
	if again {
		return &Error{
			Kind: RepeatedPage, Message: fmt.Sprintf("page %d has %s as page %d", p.asked, what, first),
			Hint: "the source repeats itself past its last page, or ignores what the request says about pages; see paginate",
		}
	}
	p.seen[a.content] = p.asked
	return nil
}

// follows weighs what the source says: a flag or a cursor first, then counts. Where it says nothing, a page without
// records is the end; a short page is not, for the source may have a limit of its own.
func (p *pager) follows(a *answer, records int64) (bool, error) {
	e := a.env
	switch {
	case p.kind == "cursor":
		return p.nextCursor(e)
	case p.kind == "next_link" || p.kind == "link_header":
		return p.nextLink(a)
	case p.kind == "keyset":
		return p.nextKey(a, records)
	case p.more >= 0:
		return flag(e.get(p.more), p.paths["more"])
	case p.pages64 != nil && *p.pages64 > 0:
		return int64(p.asked) < *p.pages64, nil
	case p.reported != nil && (*p.reported > 0 || records == 0):
		return records > 0 && p.short(), nil
	default:
		return records > 0, nil
	}
}

func (p *pager) nextCursor(e envelope) (bool, error) {
	next := e.get(p.next)
	if p.more >= 0 {
		more, err := flag(e.get(p.more), p.paths["more"])
		if err != nil || !more {
			return false, err
		}
	}
	var cursor any
	switch next.kind {
	case '"':
		if text := unquote(next.raw); text != "" {
			cursor = text
		}
	case '0':
		cursor = json.Number(next.raw)
	case 'n', 0:
	default:
		return false, &Error{Kind: UnexpectedContent, Message: fmt.Sprintf("paginate.next %s is %s", p.paths["next"], kindName(next.kind))}
	}
	if cursor == nil {
		if p.more >= 0 {
			return false, p.lacks(p.paths["next"])
		}
		return false, nil
	}
	return p.goOn(cursor)
}

// goOn moves to a cursor or link, which must be new: a source that gives one twice, at whatever distance, would be asked
// for ever.
func (p *pager) goOn(cursor any) (bool, error) {
	text := plainText(cursor)
	if before, given := p.cursors[text]; given {
		return false, &Error{
			Kind: RepeatedPage, Message: fmt.Sprintf("page %d leads on to where page %d led already", p.asked, before),
			Hint: "the source would be asked for ever: does the request say ${cursor}, and does paginate name the way to the next page, not that to the present one?",
		}
	}
	p.cursors[text] = p.asked
	p.cursor = cursor
	return true, nil
}

// lacks is a promise of more without a way to it.
func (p *pager) lacks(what string) error {
	return &Error{Kind: Incomplete, Message: fmt.Sprintf("%s says that more follows, but there is no %s", p.paths["more"], what)}
}

// readCounts takes the total and the number of pages from a page. A null says nothing; a value that is not there at all
// or is no number means that the declaration is wrong.
func (p *pager) readCounts(e envelope) error {
	total, err := count(e, p.total, p.paths["total"])
	if err != nil {
		return err
	}
	if p.reported != nil && total != nil && *total < *p.reported {
		p.shrunk = true
	}
	if total != nil {
		if p.reported == nil {
			p.atFirst = *total
		}
		p.reported = total
	}
	if p.pages64, err = count(e, p.paginate.pages, p.paths["pages"]); err != nil {
		return err
	}
	return nil
}

func count(e envelope, index int, path string) (*int64, error) {
	if index < 0 {
		return nil, nil
	}
	v := e.get(index)
	text := string(v.raw)
	switch v.kind {
	case 'n':
		return nil, nil
	case '"':
		text = unquote(v.raw)
	case '0':
	default:
		return nil, &Error{Kind: UnexpectedContent, Message: fmt.Sprintf("%s is %s, not a count", path, kindName(v.kind)), Hint: "correct paginate"}
	}
	whole, fraction, _ := strings.Cut(text, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || n < 0 || strings.Trim(fraction, "0") != "" {
		return nil, &Error{Kind: UnexpectedContent, Message: fmt.Sprintf("%s is %s, not a count", path, v.describe()), Hint: "correct paginate"}
	}
	return &n, nil
}

// flag reads the ways in which services say yes and no. Null is no.
func flag(v found, path string) (bool, error) {
	text := strings.ToLower(string(v.raw))
	if v.kind == '"' {
		text = strings.ToLower(unquote(v.raw))
	}
	switch {
	case v.kind == 'n':
		return false, nil
	case text == "true" || text == "1" || text == "y" || text == "yes":
		return true, nil
	case text == "false" || text == "0" || text == "n" || text == "no":
		return false, nil
	}
	return false, &Error{Kind: UnexpectedContent, Message: fmt.Sprintf("paginate.more %s is %s, neither yes nor no", path, v.describe()), Hint: "correct paginate.more"}
}
