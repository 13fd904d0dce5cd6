package landing

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/unicode"
)

// api is the world's HTTP side, and all that goes wrong on the way.
type api struct {
	*httptest.Server
	*world

	quiet    bool // neither changes nor faults
	requests int
	// kill, when set, is called once, at the given request.
	kill   func()
	killAt int

	access   string // the token that is good, for so many requests more
	left     int
	refresh  string
	tokens   int
	last     map[*passage]answer // the page before, for the fault that repeats it
	hollow   int                 // empty pages in a row
	injected map[string]int      // faults, by name
}

// answer is what the source would say.
type answer struct {
	status  int
	headers map[string]string
	body    string
}

const (
	seedRefresh = "s33d-refresh"
	bearer      = "b34rer-token"
)

func serve(t *testing.T, w *world) *api {
	t.Helper()
	a := &api{world: w, last: map[*passage]answer{}, injected: map[string]int{}}
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Close)
	return a
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, fault, die := a.decide(r)
	if die != nil {
		die()
	}
	send(w, r, answer, fault, a.gzip)
}

// decide finds the answer and what becomes of it.
func (a *api) decide(r *http.Request) (answer answer, fault string, die func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.requests++
	if a.kill != nil {
		if a.killAt--; a.killAt < 0 {
			die, a.kill = a.kill, nil
		}
	}
	if !a.quiet {
		a.changes()
		if chance(a.rand, a.faults) {
			fault = pick(a.rand, faults...)
		}
	}
	path := strings.TrimPrefix(r.URL.Path, "/v1")
	if path == "/token" {
		if fault != "" && fault != "reset" && fault != "busy" {
			fault = ""
		}
		return a.issue(r), fault, die
	}
	if refused := a.refuse(r); refused != nil {
		return *refused, "", die
	}
	if shop, id, ok := strings.Cut(strings.TrimPrefix(path, "/detail/"), "/"); ok && strings.HasPrefix(path, "/detail/") {
		return a.detail(shop, id, fault), a.note(fault), die
	}
	if path == "/ids" {
		return a.ids(r.URL.Query()), a.note(fault), die
	}
	answer = a.items(r, &fault)
	return answer, a.note(fault), die
}

func (a *api) note(fault string) string {
	if fault != "" {
		a.injected[fault]++
	}
	return fault
}

// issue gives a token. A refresh token is good once; the one of the settings always.
func (a *api) issue(r *http.Request) answer {
	if given := r.PostFormValue("refresh_token"); given != a.refresh && given != seedRefresh {
		return answer{status: 400, body: `{"error":"invalid_grant"}`}
	}
	a.tokens++
	a.access, a.refresh = fmt.Sprintf("acc3ss-%d", a.tokens), fmt.Sprintf("r3fresh-%d", a.tokens)
	a.left = 12 + a.rand.IntN(40)
	return answer{status: 200, body: fmt.Sprintf(`{"access":%q,"refresh":%q,"expires_in":3600}`, a.access, a.refresh)}
}

// refuse says that the credentials are not good, or nothing.
func (a *api) refuse(r *http.Request) *answer {
	if !a.token {
		if r.Header.Get("Authorization") != "Bearer "+bearer {
			return &answer{status: 403, body: "who are you?"}
		}
		return nil
	}
	a.left--
	if r.Header.Get("X-Token") == a.access && (a.left > 0 || a.quiet) {
		return nil
	}
	if chance(a.rand, 0.5) {
		return &answer{status: 401, body: `{"error":"expired"}`}
	}
	return &answer{status: 200, body: `{"code":100,"message":"token expired"}`}
}

// faults are the ways in which an answer goes wrong.
var faults = []string{ //nolint:gochecknoglobals // a table
	"busy", "down", "throttled", "away", "error", "html", "truncated", "reset", "slow", "duplicate", "repeat", "repeat", "empty", "stale", "stale", "envelope",
	"half a gzip", "half a chunk", "too long", "moved", "not modified", "marked", "utf16", "utf16",
}

// send writes the answer, whole or not.
func send(w http.ResponseWriter, r *http.Request, a answer, fault string, zip bool) {
	body := []byte(a.body)
	switch fault {
	case "busy":
		w.Header().Set("Retry-After", "-5")
		http.Error(w, "slow down", http.StatusTooManyRequests)
		return
	case "down":
		w.Header().Set("Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT")
		http.Error(w, "maintenance", http.StatusServiceUnavailable)
		return
	case "away":
		w.Header().Set("Retry-After", "86400")
		http.Error(w, "come back tomorrow", http.StatusTooManyRequests)
		return
	case "throttled":
		body = []byte(`{"code":199,"message":"too many requests"}`)
	case "envelope":
		body = []byte(`{"code":500,"message":"database is busy"}`)
	case "error":
		http.Error(w, "<h1>Bad Gateway</h1>", http.StatusBadGateway)
		return
	case "html":
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<!DOCTYPE html><html><body>Please log in</body></html>")
		return
	case "truncated":
		body = body[:len(body)*2/3]
	case "moved":
		http.Redirect(w, r, r.URL.Path+"?moved=1&"+r.URL.RawQuery, http.StatusTemporaryRedirect)
		return
	case "not modified":
		w.WriteHeader(http.StatusNotModified)
		return
	case "marked":
		body = append([]byte("\ufeff"), body...)
	case "utf16":
		body = utf16(a.body)
	}
	for name, value := range a.headers {
		w.Header().Set(name, value)
	}
	w.Header().Set("Content-Type", "application/json")
	if zip && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		body = zipped(body)
		w.Header().Set("Content-Encoding", "gzip")
	}
	switch fault {
	case "half a gzip":
		body = zipped([]byte(a.body))
		body = body[:len(body)/2]
	case "half a chunk":
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush() // without a length, in chunks
		panic(http.ErrAbortHandler)
	case "too long":
		w.Header().Set("Content-Length", strconv.Itoa(len(body)+7))
		_, _ = w.Write(body)
		return // the server sees that it is not so, and ends the connection
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(a.status)
	switch fault {
	case "reset":
		_, _ = w.Write(body[:len(body)/2])
		panic(http.ErrAbortHandler)
	case "slow":
		for part := range slices.Chunk(body, 1+len(body)/4) {
			_, _ = w.Write(part)
			_ = http.NewResponseController(w).Flush()
			time.Sleep(3 * time.Millisecond)
		}
	default:
		_, _ = w.Write(body) // who asked may be dead
	}
}

func zipped(body []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(body) // memory takes everything
	_ = z.Close()
	return b.Bytes()
}

// utf16 is a text in UTF-16, with its mark.
func utf16(text string) []byte {
	out, err := unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder().Bytes([]byte(text))
	if err != nil {
		panic(err)
	}
	return out
}

// spoils reports whether the answer does not arrive, or is seen to be none.
func spoils(fault string) bool {
	return slices.Contains([]string{
		"busy", "down", "throttled", "away", "error", "html", "truncated", "reset", "envelope",
		"half a gzip", "half a chunk", "too long", "moved", "not modified",
	}, fault)
}

func (a *api) detail(shop, id, fault string) answer {
	var k key
	_, _ = fmt.Sscan(shop, &k.Shop) // no number is nobody's
	_, _ = fmt.Sscan(id, &k.ID)
	e, ok := a.live[k]
	if !ok {
		return answer{status: 404, body: `{"code":404}`}
	}
	if !spoils(fault) {
		a.details[e.version] = true
	}
	return answer{status: 200, body: fmt.Sprintf(`{"code":0,"data":{"shop":%d,"id":%d,"rev":%d}}`, k.Shop, k.ID, e.Rev)}
}

// ids lists all keys, 20 to a page.
func (a *api) ids(q url.Values) answer {
	var ids []int
	for _, e := range a.live {
		if a.each == "" || a.each == "state" && e.state == q.Get("state") || a.each == "shop" && fmt.Sprint(e.Shop) == q.Get("shop") {
			ids = append(ids, e.ID)
		}
	}
	slices.Sort(ids)
	total := len(ids)
	switch {
	case q.Has("page"):
		from := min((number(q, "page")-1)*20, total)
		ids = ids[from:min(from+20, total)]
	case a.sweep == "keyset":
		ids = slices.DeleteFunc(ids, func(id int) bool { return id <= number(q, "cursor") })
		ids = ids[:min(20, len(ids))]
	}
	rows := make([]string, len(ids))
	for i, id := range ids {
		rows[i] = fmt.Sprintf(`{"id":%d}`, id)
	}
	return answer{status: 200, body: fmt.Sprintf(`{"code":0,"data":{"total":%d,"list":[%s]}}`, total, strings.Join(rows, ","))}
}

func number(q url.Values, name string) int {
	n, _ := strconv.Atoi(q.Get(name)) // absent is 0
	return n
}

// items gives a page of records. The fault may be changed: not every one suits every kind of page.
func (a *api) items(r *http.Request, fault *string) answer {
	q := r.URL.Query()
	variant := q.Get(a.each)
	if a.each == "" {
		variant = ""
	}
	place := q.Get("cursor") + q.Get("offset") + q.Get("page")
	first := place == "" || a.kind == "page" && number(q, "page") == a.first || a.kind == "offset" && number(q, "offset") == 0
	p := a.passage(variant, q.Get("from"), q.Get("to"), first)
	of := a.live
	if *fault == "stale" && a.stale && len(a.past) > 0 {
		of = pick(a.rand, a.past...)
	}
	listing := a.list(of, variant, p.from, p.to)
	if a.lead == bySnapshot && a.kind != "page" && a.kind != "offset" {
		if first {
			p.listing = listing
		}
		listing = p.listing
	}
	out, rows, whole := a.page(r, q, p, listing, fault)
	if *fault == "repeat" {
		// What a keyset gives once more at its end is how sources that include the key say that nothing follows.
		if before, ok := a.last[p]; ok && !first && p.pages[len(p.pages)-1].rows > 0 && !(a.kind == "keyset" && p.whole) {
			p.repeated = true
			return before
		}
		*fault = ""
	}
	if spoils(*fault) {
		return out
	}
	a.give(p, place, rows, len(listing), whole)
	a.last[p] = out
	return out
}

// page cuts a page out of the listing.
func (a *api) page(r *http.Request, q url.Values, p *passage, listing []entity, fault *string) (out answer, rows []entity, whole bool) {
	from := 0
	size := max(1, min(a.cap, number(q, "size")))
	pages := (len(listing) + size - 1) / size
	cursor, _, _ := strings.Cut(q.Get("cursor"), "~")
	switch {
	case a.kind == "none":
		size = len(listing)
	case a.kind == "page":
		n := number(q, "page") - a.first
		if a.clamped {
			n = min(n, max(pages-1, 0))
		}
		from = n * size
	case a.kind == "offset":
		from = number(q, "offset")
	case cursor == "":
	case a.lead == byKey:
		from = a.after(listing, cursor)
	default:
		from, _ = strconv.Atoi(cursor) // which we wrote
	}
	from = min(from, len(listing))
	to := min(from+size, len(listing))
	rows = slices.Clone(listing[from:to])
	leads := slices.Contains([]string{"cursor", "next_link", "link_header"}, a.kind)
	if *fault == "empty" && leads && to < len(listing) && a.hollow < 2 && cursor != "" {
		a.hollow++
		rows, to = nil, from
	} else {
		a.hollow = 0
	}
	whole = to >= len(listing)
	next := ""
	if leads && !whole {
		next = a.next(listing, rows, cursor, to)
	}
	if *fault == "duplicate" && a.kind != "offset" && !(leads && a.lead == byPosition) && len(rows) > 0 {
		i := a.rand.IntN(len(rows))
		rows = slices.Insert(rows, i, rows[i])
	}
	return a.envelope(r, rows, len(listing), pages, next, whole), rows, whole
}

// after is where the listing goes on behind a record, which may be gone.
func (a *api) after(listing []entity, cursor string) int {
	id, _ := strconv.Atoi(cursor)
	return slices.IndexFunc(append(slices.Clone(listing), entity{version: version{key: key{ID: a.beyond(id)}}}), func(e entity) bool {
		if a.order == "-id" {
			return e.ID < id
		}
		return e.ID > id
	})
}

// beyond is a number past all others, in the order of the listing.
func (a *api) beyond(id int) int {
	if a.order == "-id" {
		return id - 1
	}
	return id + 1
}

// next is the way to the page that follows: a different text each time, even if it leads to the same place.
func (a *api) next(listing, rows []entity, cursor string, to int) string {
	at := strconv.Itoa(to)
	if a.lead == byKey {
		at = cursor
		if len(rows) > 0 {
			at = strconv.Itoa(listing[to-1].ID)
		}
	}
	return fmt.Sprintf("%s~%d", at, a.requests)
}

func (a *api) envelope(r *http.Request, rows []entity, total, pages int, next string, whole bool) answer {
	out := answer{status: 200, headers: map[string]string{}}
	link := ""
	if next != "" {
		q := r.URL.Query()
		q.Set("cursor", next)
		link = pick(a.rand, a.URL, "") + r.URL.Path + "?" + q.Encode()
	}
	switch {
	case a.kind == "link_header" && link != "":
		out.headers["Link"] = fmt.Sprintf(`<%s>; rel="first", <%s>; rel="next"`, r.URL.Path, link)
	case a.kind == "next_link":
		next = link
	}
	text := "null"
	if next != "" {
		text = strconv.Quote(next)
	}
	records := make([]string, len(rows))
	for i, e := range rows {
		records[i] = e.json()
	}
	out.body = fmt.Sprintf(`{"code":0,"data":{"total":%d,"pages":%d,"more":%s,"next":%s,"list":[%s]}}`,
		total, pages, pick(a.rand, fmt.Sprint(!whole), map[bool]string{true: "0", false: `"Y"`}[whole]), text, strings.Join(records, ","))
	return out
}
