package landing

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// key tells records apart.
type key struct{ Shop, ID int }

// version is one content of one record. No two contents of a record have the same Rev.
type version struct {
	key
	Rev int
}

// entity is a record as the source has it.
type entity struct {
	version
	state    string
	modified time.Time
	changed  time.Time // when it became what it is, which may be later than it says
	step     int       // the world's change that made it so
}

func (e entity) json() string {
	return fmt.Sprintf(`{"id":%d,"state":%q,"modified":%q,"rev":%d,"amount":%d.10,"note":"第%d版"}`,
		e.ID, e.state, e.modified.Format(time.RFC3339Nano), e.Rev, e.Rev, e.Rev)
}

// world is what the source knows, and the ledger of what it gave away.
type world struct {
	shape

	mu       sync.Mutex // guards everything below
	rand     *rand.Rand
	offset   time.Duration // of the source's clock, which is the reader's too, from the machine's
	live     map[key]entity
	died     map[key]bool
	step     int
	run      int
	nextID   int
	nextRev  int
	past     []map[key]entity // some earlier states, for pages that lag
	served   map[version]bool // in answers that were whole
	outdated map[key]int      // how often with a content that was not the present one any more
	details  map[version]bool
	readings map[string][]*passage // by window and variant, in the order of time
}

// passage is one reading of a window from its first page on, as the source sees it.
type passage struct {
	variant, from, to string
	run               int
	began             int         // the world's step
	served            map[key]int // their Revs
	pages             []servedPage
	whole             bool           // nothing follows the last page
	repeated          bool           // a page was given in the place of the next
	slipped           map[key]entity // were there all the time, unchanged, and are on none of the pages
	listing           []entity       // of a snapshot
}

type servedPage struct {
	place string
	rows  int
	keys  map[key]bool
	total int
}

// shows reports whether the totals say that something is wrong: they became smaller, or neither the records nor their keys are
// as many. A record that comes on several pages counts once, unless all that were there at the first page have come, and each
// that came since has moved one to the next page: what came since is for the next reading.
func (p *passage) shows() bool {
	rows, last := 0, -1
	moved, doubled, keys := 0, 0, map[key]bool{}
	for i, page := range p.pages {
		if i > 0 && page.rows > 0 && maps.Equal(page.keys, p.pages[i-1].keys) {
			continue // the last one again
		}
		if page.total < last {
			return true
		}
		rows += page.rows
		last = page.total
		doubled += page.rows - len(page.keys)
		for k := range page.keys {
			if keys[k] {
				moved++
			}
			keys[k] = true
		}
	}
	single := rows - moved
	return single != last && single-doubled != last && (rows != last || single < p.pages[0].total)
}

func newWorld(s shape, r *rand.Rand) *world {
	w := &world{
		shape: s, rand: r, live: map[key]entity{}, died: map[key]bool{}, served: map[version]bool{}, outdated: map[key]int{}, details: map[version]bool{},
		readings: map[string][]*passage{}, nextID: 1,
	}
	w.offset = time.Until(beginning.Add(5 * 24 * time.Hour))
	for range 10 + r.IntN(60) {
		w.insert(w.now().Add(-time.Duration(r.Int64N(int64(5 * 24 * time.Hour)))))
	}
	return w
}

// now is the time of the source and of its readers.
func (w *world) now() time.Time { return time.Now().Add(w.offset) }

// moment is now, or some hours ago: what comes late or says nothing of its change.
func (w *world) moment() time.Time {
	if w.windows != nil && chance(w.rand, 0.25) {
		return w.now().Add(-time.Duration(w.rand.Int64N(int64(8 * time.Hour))))
	}
	return w.now()
}

func (w *world) insert(modified time.Time) {
	k := key{ID: w.nextID}
	if w.each == "shop" {
		k.Shop = 1 + w.rand.IntN(2)
		k.ID = 1 + w.nextID/2 // so that shops have the same numbers
	}
	w.nextID++
	if _, taken := w.live[k]; taken || w.died[k] {
		return
	}
	w.put(entity{version: version{key: k}, state: pick(w.rand, "new", "paid", "sent"), modified: modified})
}

func (w *world) put(e entity) {
	w.step++
	w.nextRev++
	e.Rev, e.step, e.changed = w.nextRev, w.step, w.now()
	if w.windows != nil {
		e.modified = e.modified.Truncate(w.windows.resolution)
		if e.modified.Before(beginning) {
			e.modified = beginning
		}
		for w.crowded(e.modified) {
			e.modified = e.modified.Add(-w.windows.resolution)
		}
	}
	w.live[e.key] = e
}

// crowded reports whether the shortest window, which may show two instants, has no room for one more record of this one:
// what a source has and cannot give, nobody can read.
func (w *world) crowded(at time.Time) bool {
	room := max(1, w.maxPages*min(w.cap, w.size)/2)
	for _, e := range w.live {
		if e.modified.Equal(at) {
			room--
		}
	}
	return room <= 0 && at.After(beginning)
}

// change does something to the records.
func (w *world) change() {
	if w.stale && chance(w.rand, 0.3) {
		w.past = append(w.past, maps.Clone(w.live))
		w.past = w.past[max(0, len(w.past)-4):]
	}
	if len(w.live) == 0 || chance(w.rand, 0.35) {
		w.insert(w.moment())
		return
	}
	keys := slices.SortedFunc(maps.Keys(w.live), compareKeys)
	e := w.live[pick(w.rand, keys...)]
	switch n := w.rand.IntN(10); {
	case n < 3 && len(w.live) > 5:
		w.step++
		delete(w.live, e.key)
		w.died[e.key] = true
	case n < 4: // a correction that says nothing of its time
		w.put(e)
	case n < 6 && w.each == "state":
		e.state, e.modified = pick(w.rand, "new", "paid", "sent"), w.now()
		w.put(e)
	default:
		e.modified = w.moment()
		w.put(e)
	}
}

// changes does as much as happens between two requests.
func (w *world) changes() {
	for chance(w.rand, w.shape.changes/(1+w.shape.changes)) {
		w.change()
	}
}

func compareKeys(a, b key) int { return cmp.Or(cmp.Compare(a.Shop, b.Shop), cmp.Compare(a.ID, b.ID)) }

// list is what is asked for, in the source's order.
func (w *world) list(of map[key]entity, variant, from, to string) []entity {
	var out []entity
	for _, e := range of {
		if w.asked(e, variant, from, to) {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, w.compare)
	return out
}

// asked reports whether a record belongs to what is asked for.
func (w *world) asked(e entity, variant, from, to string) bool {
	if w.each == "state" && e.state != variant || w.each == "shop" && fmt.Sprint(e.Shop) != variant {
		return false
	}
	if w.windows == nil {
		return true
	}
	start, end := w.windows.parse(from), w.windows.parse(to)
	if w.windows.bounds == "[]" {
		return !e.modified.Before(start) && !e.modified.After(end)
	}
	return !e.modified.Before(start) && e.modified.Before(end)
}

func (w *world) compare(a, b entity) int {
	byID := compareKeys(a.key, b.key)
	switch w.order {
	case "id":
		return byID
	case "-id":
		return -byID
	case "time":
		return cmp.Or(a.modified.Compare(b.modified), byID)
	default:
		return cmp.Or(b.modified.Compare(a.modified), byID)
	}
}

// passage is the reading that a request belongs to; the first page begins another one.
func (w *world) passage(variant, from, to string, first bool) *passage {
	name := variant + "|" + from + "|" + to
	all := w.readings[name]
	if first || len(all) == 0 {
		all = append(all, &passage{variant: variant, from: from, to: to, run: w.run, began: w.step, served: map[key]int{}})
		w.readings[name] = all
	}
	return all[len(all)-1]
}

// give notes a page that was answered whole. One that is asked for again takes the place of the one before.
func (w *world) give(p *passage, place string, rows []entity, total int, whole bool) {
	for _, e := range rows {
		w.served[e.version] = true
		p.served[e.key] = e.Rev
		if w.live[e.key].version != e.version {
			w.outdated[e.key]++
		}
	}
	page := servedPage{place: place, rows: len(rows), total: total, keys: map[key]bool{}}
	for _, e := range rows {
		page.keys[e.key] = true
	}
	if i := slices.IndexFunc(p.pages, func(q servedPage) bool { return q.place == place }); i >= 0 {
		p.pages = append(p.pages[:i], page)
	} else {
		p.pages = append(p.pages, page)
	}
	p.whole = whole
	p.slipped = map[key]entity{}
	for _, e := range w.list(w.live, p.variant, p.from, p.to) {
		if whole && e.step <= p.began && p.served[e.key] == 0 {
			p.slipped[e.key] = e
		}
	}
}
