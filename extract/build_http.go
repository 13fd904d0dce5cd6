package extract

import (
	"fmt"
	"time"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

// http fills in what a stream of type http declares.
func (b *builder) http(s *Stream, d *streamDecl, at strict.Pos) {
	b.foreign(d.Files.Pos, "files", "http")
	b.foreign(d.Format.Pos, "format", "http")
	if !d.Records.isSet() {
		b.fail(at, `"records" is missing`, "say where the records are: $.data[*], or $ when the answer is one record")
	}
	s.Slicing = b.slicing(d.Slices)
	s.request = b.request(d.Request, at)
	b.signed(&s.request, d.Request, s.Source.sign)
	s.responses = b.responses(s.Source, d)
	s.paginate = b.paginate(d.Paginate, s.responses.selection)
	s.paginate.base = s.Source.baseURL
	b.cursorPlace(s, d.Paginate)
	s.each = b.each(d.Each)
	s.routes = b.route(s, d)
	if d.Parent.Pos != (strict.Pos{}) {
		b.positive(d.Parent.Concurrency, "concurrency")
		if s.Slicing != nil {
			b.fail(d.Slices.Pos, "a stream with a parent has no slices", "what is read follows from the parent's changes; remove slices")
		}
		b.parents = append(b.parents, pendingParent{child: s, decl: d.Parent})
	}
	b.placeholders(s, d, at)
	s.sweep = b.deletes(s, d)
}

// foreign refuses a key that belongs to another type of source.
func (b *builder) foreign(at strict.Pos, key, kind string) {
	if at != (strict.Pos{}) {
		b.fail(at, fmt.Sprintf("%s does not belong to a source of type %s", key, kind), "remove it")
	}
}

func (b *builder) request(d requestDecl, at strict.Pos) request {
	r := request{method: d.Method.Value, path: d.Path, query: d.Query, form: d.Form, headers: d.Headers, json: d.JSON}
	if r.method == "" {
		r.method = "GET"
		if d.JSON.isSet() || len(d.Form) > 0 {
			r.method = "POST"
		}
	}
	switch {
	case d.Pos == (strict.Pos{}):
		b.fail(at, `"request" is missing`, "write request: {path: /orders}")
	case r.method == "GET" && (d.JSON.isSet() || len(d.Form) > 0):
		b.fail(d.Method.Pos, "a GET request has no form or json", "use POST, or query")
	case d.JSON.isSet() && len(d.Form) > 0:
		b.fail(d.JSON.Pos, "a request has either form or json", "remove one of them")
	}
	if d.Path.isSet() && d.Path.kind != textValue {
		b.fail(d.Path.Pos, "path wants a text", "write /orders")
	}
	return r
}

func (b *builder) responses(source *Source, d *streamDecl) responses {
	out := responses{
		selection:    newSelection(&d.Records.path),
		records:      d.Records.path,
		missingEmpty: d.OnMissing == "empty",
		success:      d.SuccessWhen.predicate,
	}
	out.success.bind(out.selection)
	if split := d.Slices.SplitWhen; split.root != nil {
		out.split = split.predicate
		out.split.bind(out.selection)
	}
	for _, r := range d.On {
		if r.Do.Value == string(doRenew) && !source.auth.renewable() {
			b.fail(r.Do.Pos, "there is no token to refresh", "it needs auth of type token_call, oauth2_client or oauth2_refresh")
		}
	}
	out.rules = b.rules(d.On, out.selection)
	return out
}

// rules has the selection look for what the rules of an on compare.
func (b *builder) rules(decl []ruleDecl, selection *selection) (rules []rule) {
	for _, r := range decl {
		r.When.bind(selection)
		if r.When.root != nil {
			rules = append(rules, rule{when: r.When.predicate, do: action(r.Do.Value), wait: r.Wait, reason: r.Reason})
		}
	}
	return rules
}

func (b *builder) slicing(d slicesDecl) *Slicing {
	if d.Pos == (strict.Pos{}) {
		return nil
	}
	s := &Slicing{
		MinStep: max(defaultMinStep, d.Granularity),
		Step:    d.Step.step, MaxSpan: d.MaxSpan.Value, Zone: time.UTC, Bounds: Bounds(d.Bounds.Value),
		Lookback: d.Lookback, Settle: d.Settle, Granularity: d.Granularity, Retention: d.Retention.Value, Whole: d.Whole.Value,
	}
	if !d.Retention.IsZero() && s.Retention.IsZero() {
		b.fail(d.Retention.Pos, "retention must be longer than nothing", "leave it out where the source keeps all")
	}
	if s.Whole && s.Step.IsZero() {
		b.fail(d.Whole.Pos, "whole reads whole steps, and there are none", "write step: P1D, or remove whole")
	}
	if s.Bounds == "" {
		s.Bounds = HalfOpen
	}
	if !d.MinStep.IsZero() {
		s.MinStep = d.MinStep.Value
		if s.MinStep <= 0 || s.MinStep < d.Granularity {
			b.fail(d.MinStep.Pos, "min_step must be longer than nothing, and no shorter than granularity", "write PT1M")
		}
	}
	if d.Step.Pos == (strict.Pos{}) {
		b.fail(d.Pos, `slices lack "step"`, "write P1D, P1M or none")
	}
	if !d.MaxSpan.IsZero() && s.MaxSpan.IsZero() {
		b.fail(d.MaxSpan.Pos, "max_span must be longer than nothing", "")
	}
	if d.Timezone.Value != "" {
		zone, err := time.LoadLocation(d.Timezone.Value)
		if err != nil || d.Timezone.Value == "Local" {
			b.fail(d.Timezone.Pos, fmt.Sprintf("there is no time zone %q", d.Timezone.Value), "write a name such as Asia/Shanghai or UTC")
			zone = time.UTC
		}
		s.Zone = zone
	}
	format := d.Format.Value
	if format == "" {
		format = "rfc3339"
	}
	var err error
	if s.format, err = parseTimeFormat(format); err != nil {
		b.fail(d.Format.Pos, err.Error(), "")
	}
	if s.Start, err = parseStart(d.Start.Value, s.Zone); err != nil && !d.Start.IsZero() {
		b.fail(d.Start.Pos, err.Error(), "")
	}
	return s
}

func parseStart(text string, zone *time.Location) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf(`%q is no start: write "2024-01-01" or "2024-01-01T00:00:00Z"`, text)
}

func (b *builder) paginate(d paginateDecl, selection *selection) paginate {
	p := paginate{
		kind: d.Type.Value, start: 1, maxPages: defaultMaxPages, maxEmpty: defaultMaxEmpty, hosts: d.Hosts,
		repeating: d.Repeats.Value,
		more:      -1, total: -1, pages: -1, next: -1, paths: map[string]string{},
	}
	if d.Pos == (strict.Pos{}) || p.kind == "" {
		p.kind = "none"
		return p
	}
	switch p.kind {
	case "cursor", "next_link":
		if !d.Next.isSet() {
			b.fail(d.Pos, fmt.Sprintf(`paginate of type %s needs "next"`, p.kind), "say where the next one is: next: $.meta.next")
		}
	case "keyset":
		b.keyset(&p, d)
	}
	if !d.Start.IsZero() {
		p.start = d.Start.Value
	}
	if !d.MaxEmpty.IsZero() {
		p.maxEmpty = d.MaxEmpty.Value
	}
	b.positive(d.MaxEmpty, "max_empty_pages")
	p.size = d.Size.Value
	if !d.MaxPages.IsZero() {
		p.maxPages = d.MaxPages.Value
	}
	if !d.Repeats.IsZero() && !d.Total.isSet() {
		b.fail(d.Repeats.Pos, "repeats says what total counts, and there is no total", "remove it")
	}
	b.positive(d.Size, "size")
	b.positive(d.MaxPages, "max_pages")
	if p.kind != "keyset" && d.Field.isSet() {
		b.fail(d.Field.Pos, "field belongs to paginate of type keyset", "remove it")
	}
	if p.kind != "keyset" && d.Resume.Pos != (strict.Pos{}) {
		b.fail(d.Resume.Pos, "resume belongs to paginate of type keyset", "remove it")
	}
	if len(d.Hosts) > 0 && p.kind != "next_link" && p.kind != "link_header" {
		b.fail(d.Pos, "allow_hosts belongs to paginate of types next_link and link_header", "remove it")
	}
	for _, w := range []struct {
		name  string
		decl  pathDecl
		index *int
	}{{"more", d.More, &p.more}, {"total", d.Total, &p.total}, {"pages", d.Pages, &p.pages}, {"next", d.Next, &p.next}} {
		if !w.decl.isSet() {
			continue
		}
		if !w.decl.single() {
			b.fail(w.decl.Pos, fmt.Sprintf("%s is a single value, %s is not", w.name, w.decl.text), "remove [*]")
			continue
		}
		p.paths[w.name] = w.decl.text
		*w.index = selection.want(w.decl.path)
	}
	return p
}

// keyset reads where the key is in a record, and where to begin.
func (b *builder) keyset(p *paginate, d paginateDecl) {
	switch {
	case !d.Field.isSet():
		b.fail(d.Pos, `paginate of type keyset needs "field"`, "say which value of a record leads on: field: $.id")
	case !namesOnly(d.Field.path):
		b.fail(d.Field.Pos, fmt.Sprintf("field %s is not made of names below the record", d.Field.text), "write $.id")
	default:
		p.keyset = newSelection(&d.Field.path)
		p.paths["field"] = d.Field.text
	}
	if !d.Start.IsZero() {
		p.first = int64(d.Start.Value)
	}
	p.resume = d.Resume.sql
}

// cursorPlace notes the parameter that the cursor goes into.
func (b *builder) cursorPlace(s *Stream, d paginateDecl) {
	if d.Into.Pos == (strict.Pos{}) {
		return
	}
	if s.paginate.kind != "cursor" && s.paginate.kind != "keyset" {
		b.fail(d.Into.Pos, "into belongs to paginate of types cursor and keyset", "remove it")
		return
	}
	if d.Into.part == inJSON && s.request.json.kind != objectValue || d.Into.part == inForm && (s.request.method == "GET" || s.request.json.isSet()) {
		b.fail(d.Into.Pos, fmt.Sprintf("the request has no %s that the cursor could go into", d.Into.part), "name another place: query, form, json or header")
	}
	s.request.cursorIn, s.request.cursorName = d.Into.part, d.Into.name
}
