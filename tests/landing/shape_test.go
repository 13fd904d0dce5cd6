package landing

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// shape is one kind of API, and what its declaration says of it.
type shape struct {
	kind        string // of paginate
	first       int    // number of the first page
	size, cap   int    // what is asked for, and what the source gives at most
	more        bool   // it says whether more follows
	total       bool   // it says how many records there are
	pages       bool   // it says how many pages there are
	lead        lead   // of cursors and links
	clamped     bool   // a page past the last is the last one again
	order       string // id, -id, time, -time
	windows     *windows
	each        string // "", state or shop
	parent      bool   // details are asked for record by record
	sweep       string // how all keys are listed: "", none, page or keyset
	token       bool   // tokens are fetched, end, and their refresh tokens rotate
	version     bool
	concurrency int
	maxPages    int
	gzip        bool
	faults      float64 // share of answers that are bad
	changes     float64 // how many changes there are between two requests, on average
	stale       bool    // a page may come from a replica that lags
}

// lead is what the way to the next page leads by.
type lead string

const (
	byPosition lead = "position" // so many records have been given: pages shift when records are taken out
	byKey      lead = "key"      // go on after this record
	bySnapshot lead = "snapshot" // the listing as it was at the first page
)

// windows is a stream that is read by the time of its records.
type windows struct {
	step                          string
	lookback, settle, granularity time.Duration
	resolution                    time.Duration // of the records' times
	bounds, format                string
	zone                          *time.Location
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func chance(r *rand.Rand, share float64) bool { return r.Float64() < share }

// manyPages is a limit that no window reaches.
const manyPages = 500

func drawShape(r *rand.Rand) shape {
	s := shape{
		kind: pick(r, "page", "page", "offset", "offset", "cursor", "next_link", "link_header", "keyset", "none"), first: 1,
		size: 4 + r.IntN(9), order: pick(r, "id", "-id", "time", "-time"), each: pick(r, "", "", "state", "shop"),
		parent: chance(r, 0.3), sweep: pick(r, "", "", "none", "page", "keyset"), token: chance(r, 0.4), version: chance(r, 0.4),
		concurrency: 1 + r.IntN(3), maxPages: manyPages, gzip: chance(r, 0.3), lead: pick(r, byPosition, byKey, bySnapshot),
		faults: pick(r, 0, 0.05, 0.1, 0.2), changes: pick(r, 0.2, 0.5, 1),
	}
	s.cap = s.size
	if chance(r, 0.3) {
		s.cap = 1 + r.IntN(s.size)
	}
	if chance(r, 0.6) {
		s.windows = drawWindows(r)
	}
	s.total = chance(r, 0.5)
	switch s.kind {
	case "page":
		s.first = r.IntN(2)
		s.more, s.pages = chance(r, 0.4), chance(r, 0.4)
		s.clamped = chance(r, 0.4) && (s.more || s.pages || s.total)
		s.lead = byPosition
	case "offset":
		s.more = chance(r, 0.4)
		s.lead = byPosition
	case "cursor", "next_link", "link_header":
		s.more = chance(r, 0.3)
	case "keyset":
		s.more = chance(r, 0.3)
		s.order, s.lead = pick(r, "id", "-id"), byKey
		s.cap = max(s.cap, 2) // one record that comes again may as well be the end
	case "none":
		s.size, s.cap = 1000, 1000
	}
	if s.lead == byKey {
		s.order = pick(r, "id", "-id")
	}
	if s.windows != nil && s.windows.resolution == time.Millisecond && s.kind != "none" && chance(r, 0.6) {
		s.maxPages = 3 + r.IntN(4)
	}
	s.stale = s.windows == nil && chance(r, 0.3)
	return s
}

// drawShifting draws an API whose pages shift, and whose totals tell of it.
func drawShifting(r *rand.Rand) shape {
	s := shape{
		kind: pick(r, "page", "offset"), first: r.IntN(2), size: 4 + r.IntN(9), total: true, lead: byPosition, clamped: chance(r, 0.3),
		order: pick(r, "id", "-id", "time", "-time"), version: chance(r, 0.3), concurrency: 1, maxPages: manyPages, changes: pick(r, 0.1, 0.2, 0.5),
	}
	s.cap = s.size
	return s
}

func drawWindows(r *rand.Rand) *windows {
	w := &windows{
		step: pick(r, "none", "P1D", "P2D", "PT9H"), lookback: pick(r, 0, time.Hour, 6*time.Hour), settle: pick(r, 0, time.Second, 10*time.Minute),
		resolution: pick(r, time.Second, time.Millisecond), bounds: pick(r, "[)", "[]"),
		format: pick(r, "rfc3339", "epoch_ms", "epoch_s", "%Y-%m-%d %H:%M:%S"), zone: time.UTC,
	}
	w.resolution = max(w.resolution, w.written())
	if chance(r, 0.5) {
		zone, err := time.LoadLocation(pick(r, "Asia/Shanghai", "America/New_York"))
		if err != nil {
			panic(err)
		}
		w.zone = zone
	}
	if chance(r, 0.5) {
		w.granularity = w.resolution
	}
	return w
}

// beginning is the start of all windows.
var beginning = time.Date(2026, 2, 24, 0, 0, 0, 0, time.UTC)

// promised is the earliest time of a record that is seen by the readings that are planned after the given moment, of all
// that may have been done before: where those ended, less what is read again.
func (w *windows) promised(changed time.Time) time.Time {
	at := changed.Add(-w.settle)
	if w.granularity > 0 {
		at = at.Truncate(w.granularity)
	}
	return at.Add(-w.lookback).Truncate(w.written())
}

// written is the resolution of the times in requests.
func (w *windows) written() time.Duration {
	switch w.format {
	case "rfc3339":
		return time.Nanosecond
	case "epoch_ms":
		return time.Millisecond
	default:
		return time.Second
	}
}

// yaml is the declaration.
func (s shape) yaml() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("source: api\nbase_url: ${URL}/v1\nlimits: {concurrency: %d, timeout: PT5S}", s.concurrency)
	header := ""
	if s.token {
		line(`auth:
  type: token_call
  request: {method: POST, path: /token, form: {refresh_token: "${token.refresh}"}}
  extract: {access: $.access, refresh: $.refresh, expires_in: $.expires_in}
  refresh_token: "${env:REFRESH}"`)
		header = `, headers: {X-Token: "${token.access}"}`
	} else {
		line(`auth: {type: bearer, token: "${env:TOKEN}"}`)
	}
	line("streams:\n  items:\n    primary_key: %s", s.key())
	if s.version {
		line("    version: $.rev")
	}
	line("    request: {path: /items, query: {%s}%s}", s.query(), header)
	line("    paginate: {%s}", s.paginate())
	if s.each != "" {
		line("    each: {%s: %s}", s.each, map[string]string{"state": "[new, paid, sent]", "shop": "[1, 2]"}[s.each])
	}
	if w := s.windows; w != nil {
		line("    slices: {start: %q, step: %s, lookback: %s, settle: %s, bounds: %q, format: %q, timezone: %s, min_step: %s%s}",
			beginning.Format(time.RFC3339), w.step, iso(w.lookback), iso(w.settle), w.bounds, w.format, w.zone, iso(w.resolution), w.clock())
	}
	line("    records: $.data.list[*]\n    success_when: $.code == 0\n    on: %s", s.rules())
	if s.sweep != "" {
		line("    deletes: {sweep: {path: /ids, query: {%s}%s, paginate: {%s}, records: \"$.data.list[*]\", key: $.id, max_share: 1, success_when: $.code == 0, on: %s}}",
			s.sweepQuery(), header, s.sweepPaginate(), s.rules())
	}
	if s.parent {
		names, path := "{id: id}", "/detail/0/${parent.id}"
		if s.each == "shop" {
			names, path = "{id: id, shop: shop}", "/detail/${parent.shop}/${parent.id}"
		}
		line("  details:\n    parent: {stream: items, keys: %s, concurrency: %d}", names, s.concurrency)
		line("    primary_key: [{path: $.shop, type: bigint}, {path: $.id, type: bigint}]")
		line("    request: {path: %q%s}\n    records: $.data\n    success_when: $.code == 0", path, header)
		line("    on: %s", strings.Replace(s.rules(), "[", `[{when: "status == 404", do: skip}, `, 1))
	}
	return b.String()
}

func (s shape) key() string {
	if s.each == "shop" {
		return `[{value: "${each.shop}", name: shop, type: bigint}, {path: $.id, type: bigint}]`
	}
	return "[{path: $.id, type: bigint}]"
}

func (s shape) rules() string {
	rules := `[{when: "$.code == 199", do: backoff, wait: PT0.002S, reason: throttled}, {when: "$.code == 500", do: retry}`
	if s.token {
		rules += `, {when: "$.code == 100", do: refresh_token}`
	}
	return rules + "]"
}

func (s shape) query() string {
	parts := []string{`size: "${page.size}"`}
	switch s.kind {
	case "none":
		parts = nil
	case "page":
		parts = append(parts, `page: "${page.number}"`)
	case "offset":
		parts = append(parts, `offset: "${page.offset}"`)
	case "cursor", "keyset":
		parts = append(parts, `cursor: "${cursor}"`)
	}
	if s.windows != nil {
		parts = append(parts, `from: "${slice.start}"`, `to: "${slice.end}"`)
	}
	if s.each != "" {
		parts = append(parts, s.variant())
	}
	return strings.Join(parts, ", ")
}

func (s shape) variant() string { return fmt.Sprintf(`%s: "${each.%[1]s}"`, s.each) }

func (s shape) paginate() string {
	parts := []string{"type: " + s.kind}
	if s.kind != "none" {
		parts = append(parts, fmt.Sprintf("size: %d, max_pages: %d", s.size, s.maxPages))
	}
	for _, w := range []struct {
		said bool
		text string
	}{
		{s.kind == "page", fmt.Sprintf("start: %d", s.first)},
		{s.kind == "keyset", "field: $.id"},
		{s.kind == "cursor" || s.kind == "next_link", "next: $.data.next"},
		{s.more, "more: $.data.more"},
		{s.total, "total: $.data.total"},
		{s.pages, "pages: $.data.pages"},
	} {
		if w.said {
			parts = append(parts, w.text)
		}
	}
	return strings.Join(parts, ", ")
}

func (s shape) sweepQuery() string {
	parts := []string{"all: 1"}
	switch s.sweep {
	case "page":
		parts = append(parts, `page: "${page.number}"`)
	case "keyset":
		parts = append(parts, `cursor: "${cursor}"`)
	}
	if s.each != "" {
		parts = append(parts, s.variant())
	}
	return strings.Join(parts, ", ")
}

func (s shape) sweepPaginate() string {
	return map[string]string{"none": "type: none", "page": "type: page, size: 20, total: $.data.total", "keyset": "type: keyset, field: $.id, size: 20"}[s.sweep]
}

func (w *windows) clock() string {
	if w.granularity == 0 {
		return ""
	}
	return ", granularity: " + iso(w.granularity)
}

func iso(d time.Duration) string {
	return fmt.Sprintf("PT%gS", d.Seconds())
}

// parse reads a time as requests write it.
func (w *windows) parse(text string) time.Time {
	var n int64
	switch w.format {
	case "epoch_s", "epoch_ms":
		if _, err := fmt.Sscan(text, &n); err != nil {
			panic(err)
		}
		if w.format == "epoch_s" {
			return time.Unix(n, 0)
		}
		return time.UnixMilli(n)
	}
	layout := time.RFC3339Nano
	if w.format != "rfc3339" {
		layout = time.DateTime
	}
	at, err := time.ParseInLocation(layout, text, w.zone)
	if err != nil {
		panic(err)
	}
	return at
}
