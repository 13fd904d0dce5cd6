package extract

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

// request is what is sent for a page.
type request struct {
	method  string
	path    value
	query   strict.Map[value]
	form    strict.Map[value]
	headers strict.Map[value]
	json    value
	sign    *sign // nil: it is sent unsigned
	// cursorName is the parameter that the cursor goes into, at cursorIn; "" when the request says itself where.
	cursorIn   part
	cursorName string
}

// wire is a request with everything filled in.
type wire struct {
	method  string
	url     *url.URL
	headers http.Header
	body    []byte
}

// build fills in a request. What it says of now and of the environment is evaluated each time, for every attempt, and
// so is its signature.
func (r request) build(base *url.URL, auth credentials, s scope) (wire, error) {
	w := wire{method: r.method, headers: http.Header{"Accept": {"application/json"}, "User-Agent": {"terrace"}}}
	var err error
	if w.url, err = r.address(base, s); err != nil {
		return w, err
	}
	stranger := s.link != nil && !sameOrigin(s.link, base)
	if stranger {
		// What the source names beyond its own host gets nothing that we know.
		r.headers, r.sign, auth = publicOnly(r.headers), nil, credentials{}
	}
	d, err := r.draft(w.url.RawQuery, auth, s)
	if err != nil {
		return w, err
	}
	if r.sign != nil {
		if err := r.sign.apply(&d, s); err != nil {
			return w, err
		}
	}
	// A query that stays as it is keeps its own way of escaping.
	if !slices.Equal(d.query, unescapedPairs(w.url.RawQuery)) {
		w.url.RawQuery = escaped(d.query)
	}
	r.content(&w, d)
	for _, h := range d.headers {
		w.headers.Set(h.key, h.value)
	}
	if auth.header != "" {
		w.headers.Set(auth.header, auth.headerValue)
	}
	if base.User != nil && w.headers.Get("Authorization") == "" && !s.masked && !stranger {
		password, _ := base.User.Password()
		req := http.Request{Header: w.headers}
		req.SetBasicAuth(base.User.Username(), password)
	}
	return w, nil
}

// address is the link that the page before gave, or the base and the path.
func (r request) address(base *url.URL, s scope) (*url.URL, error) {
	if s.link != nil {
		link := *s.link
		return &link, nil
	}
	path, err := r.path.text.string(s, escapeSegment)
	if err != nil {
		return nil, err
	}
	address := *base
	address.User = nil
	text := strings.TrimRight(address.String(), "/")
	if path != "" {
		text += "/" + strings.TrimLeft(path, "/")
	}
	return url.Parse(text)
}

// draft fills in the parts. query is what the address has already.
func (r request) draft(query string, auth credentials, s scope) (draft, error) {
	d := draft{query: unescapedPairs(query)}
	var err error
	if s.link == nil {
		err = r.fillIn(&d.query, r.query, s)
	} else {
		err = r.renew(&d, s)
	}
	if err != nil {
		return d, err
	}
	if auth.query != "" {
		d.drop(inQuery, auth.query)
		d.query = append(d.query, pair{auth.query, auth.queryValue})
	}
	if r.json.isSet() {
		if d.json, err = r.json.appendJSON(nil, s); err != nil {
			return d, err
		}
	}
	if err := r.fillIn(&d.form, r.form, s); err != nil {
		return d, err
	}
	for _, h := range r.headers {
		v, err := h.Value.plain(s)
		if err != nil {
			return d, err
		}
		d.headers = append(d.headers, pair{h.Key, v})
	}
	return d, r.placeCursor(&d, s)
}

// fillIn adds the pairs of a query or form, in the order of the declaration; a list repeats its key.
func (r request) fillIn(into *[]pair, declared strict.Map[value], s scope) error {
	for _, entry := range declared {
		values := []value{entry.Value}
		if entry.Value.kind == arrayValue {
			values = entry.Value.items
		}
		for _, v := range values {
			if v.absent(s) {
				continue
			}
			text, err := v.plain(s)
			if err != nil {
				return err
			}
			*into = append(*into, pair{entry.Key, text})
		}
	}
	return nil
}

// renew puts into a link's query what has aged since the source wrote it: times and tokens.
func (r request) renew(d *draft, s scope) error {
	var aging strict.Map[value]
	for _, entry := range r.query {
		ages := false
		entry.Value.walk(func(e *expr, _ strict.Pos) {
			ages = ages || e.kind == nowExpr || e.kind == refExpr && strings.HasPrefix(e.name, "token.")
		})
		if ages {
			aging = append(aging, entry)
		}
	}
	for _, entry := range aging {
		d.drop(inQuery, entry.Key)
	}
	return r.fillIn(&d.query, aging, s)
}

// placeCursor puts the cursor where paginate.into says.
func (r request) placeCursor(d *draft, s scope) error {
	cursor := s.values["cursor"]
	if r.cursorName == "" || cursor == nil {
		return nil
	}
	d.drop(r.cursorIn, r.cursorName)
	if r.cursorIn == inJSON {
		return d.addMember(r.cursorName, appendValue(nil, cursor))
	}
	return d.add(r.cursorIn, pair{r.cursorName, plainText(cursor)})
}

// content fills in the body.
func (r request) content(w *wire, d draft) {
	switch {
	case d.json != nil:
		w.body = d.json
		w.headers.Set("Content-Type", "application/json")
	case len(d.form) > 0:
		w.body = []byte(escaped(d.form))
		w.headers.Set("Content-Type", "application/x-www-form-urlencoded")
	}
}

// values are all values of the request.
func (r request) values() []value {
	values := []value{r.path, r.json}
	for _, m := range []strict.Map[value]{r.query, r.form, r.headers} {
		for _, e := range m {
			values = append(values, e.Value)
		}
	}
	return values
}

// publicOnly are the headers that hold nothing of the environment and no token.
func publicOnly(headers strict.Map[value]) strict.Map[value] {
	var public strict.Map[value]
	for _, h := range headers {
		secret := len(h.Value.variables) > 0
		h.Value.walk(func(e *expr, _ strict.Pos) { secret = secret || e.kind == refExpr })
		if !secret {
			public = append(public, h)
		}
	}
	return public
}

// escapeSegment escapes a placeholder's text for a path, so that it stays one segment.
func escapeSegment(text string) string {
	if text == "." || text == ".." {
		return strings.ReplaceAll(text, ".", "%2E")
	}
	return url.PathEscape(text)
}

// describe gives the address without its query, and the request as a line for people. Values from the environment
// appear as their names, credentials not at all.
func (c *client) describe(base *url.URL, r request, f fill) (endpoint, line string) {
	w, err := r.build(base, credentials{}, c.scope(f, true))
	if err != nil {
		return "", r.method
	}
	query := ""
	if f.link != nil {
		w.url.RawQuery = maskedQuery(w.url.RawQuery)
	}
	if w.url.RawQuery != "" {
		query = "?" + unescaped(w.url.RawQuery)
		w.url.RawQuery = ""
	}
	endpoint = c.secrets.Redact(w.url.String())
	line = w.method + " " + w.url.Path + query
	if len(w.body) > 0 {
		content := string(w.body)
		if !r.json.isSet() {
			content = unescaped(content)
		}
		line += " " + content
	}
	return endpoint, c.secrets.Redact(line)
}

// maskedQuery hides what a link's names say is a credential: the source wrote it, so that nobody else knows it as one.
func maskedQuery(query string) string {
	pairs := unescapedPairs(query)
	for i, p := range pairs {
		if soundsSecret(p.key) {
			pairs[i].value = "***"
		}
	}
	return escaped(pairs)
}
