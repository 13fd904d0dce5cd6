package extract

import (
	"fmt"
	"slices"
	"strings"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

// databaseURL reads the key that belongs to sources of type postgres, and refuses it in others. The keys of other types
// are refused in return.
func (b *builder) databaseURL(kind SourceType) value {
	d := b.decl
	if kind != Postgres {
		b.foreign(d.URL.Pos, "url", string(kind))
		return value{}
	}
	b.foreign(d.BaseURL.Pos, "base_url", "postgres")
	b.foreign(d.Auth.Pos, "auth", "postgres")
	b.foreign(d.Sign.Pos, "sign", "postgres")
	if !d.URL.isSet() {
		b.fail(strict.Pos{Line: 1, Col: 1}, `"url" is missing`, "a source of type postgres needs it: ${env:SHOP_DB_URL}")
	}
	b.names(d.URL, nil, "")
	return d.URL
}

// postgres fills in what a stream of type postgres declares.
func (b *builder) postgres(s *Stream, d *streamDecl, at strict.Pos) {
	for key, pos := range map[string]strict.Pos{
		"request": d.Request.Pos, "paginate": d.Paginate.Pos, "parent": d.Parent.Pos, "files": d.Files.Pos, "format": d.Format.Pos,
		"records": d.Records.Pos, "success_when": d.SuccessWhen.Pos, "slices.split_when": d.Slices.SplitWhen.Pos,
	} {
		b.foreign(pos, key, "postgres")
	}
	if len(d.On) > 0 {
		b.foreign(d.On[0].When.Pos, "on", "postgres")
	}
	if len(d.Route) > 0 {
		b.fail(at, "route does not belong to a source of type postgres", "remove it")
	}
	s.query = d.Query.query
	s.query.needs = s.neededColumns()
	s.Slicing, s.each = b.slicing(d.Slices), b.each(d.Each)
	if !d.Query.isSet() {
		b.fail(at, `"query" is missing`, "write query: select * from orders")
	} else {
		b.parameters(s, d)
	}
	for _, name := range s.given {
		if !slices.ContainsFunc(s.each, func(e dimension) bool { return "each."+e.name == name }) {
			b.fail(at, fmt.Sprintf("${%s} in primary_key means nothing in %s", name, s.Name), "the query itself can select it")
		}
	}
	s.sweep = b.queriedDeletes(s, d)
}

// parameters checks that the query asks for what there is, and for that without which it gives the same each time.
func (b *builder) parameters(s *Stream, d *streamDecl) {
	if s.query.text == "" {
		return // what is wrong with it has been told
	}
	b.known(s, s.query, d.Query.Pos)
	for _, e := range d.Each {
		if e.Key == "start" || e.Key == "end" {
			b.fail(e.Pos, fmt.Sprintf("each %q has the name of an end of a slice", e.Key), "call it something else, in the query too")
		} else if !s.query.uses(e.Key) {
			b.fail(e.Pos, fmt.Sprintf("the query does not use :%s, so each of its values would give the same", e.Key), fmt.Sprintf("write where %[1]s = :%[1]s", e.Key))
		}
	}
	if s.Slicing == nil {
		return
	}
	if !s.query.uses("start") {
		b.fail(d.Query.Pos, "the query does not use :start, so every slice would be the same", "write where updated_at >= :start and updated_at < :end")
	}
	if !s.query.uses("end") && !d.Slices.Step.none {
		b.fail(d.Query.Pos, "the query does not use :end, so every slice would have all that follows it", "write where updated_at >= :start and updated_at < :end, or slices.step: none")
	}
}

// known refuses the first parameter of a query that means nothing.
func (b *builder) known(s *Stream, q query, at strict.Pos) {
	names := []string{"start", "end"}
	for _, e := range s.each {
		names = append(names, e.name)
	}
	for i, p := range q.places {
		switch {
		case !slices.Contains(names, p.name):
			b.fail(at, fmt.Sprintf("the query asks for :%s", p.name), strict.Suggest(p.name, names, "there are "))
			return
		case s.Slicing == nil && slices.Index(names, p.name) < 2:
			b.fail(at, fmt.Sprintf("the query asks for :%s of a stream without slices", q.places[i].name), "declare slices, or read everything each time")
			return
		}
	}
}

// queriedDeletes is the listing of keys by a query, nil where none is declared.
func (b *builder) queriedDeletes(s *Stream, d *streamDecl) *sweep {
	if d.Deletes.Pos == (strict.Pos{}) || d.Deletes.Sweep.Pos == (strict.Pos{}) {
		return nil // that sweep is absent has been told
	}
	decl := &d.Deletes.Sweep
	for key, pos := range map[string]strict.Pos{
		"path": decl.Path.Pos, "json": decl.JSON.Pos, "paginate": decl.Paginate.Pos, "records": decl.Records.Pos,
		"method": decl.Method.Pos, "success_when": decl.SuccessWhen.Pos,
	} {
		b.foreign(pos, "deletes.sweep."+key, "postgres")
	}
	if len(decl.Form)+len(decl.Headers)+len(decl.On)+len(decl.Query.pairs) > 0 {
		b.fail(decl.Pos, "deletes.sweep of a source of type postgres is a query", `write sweep: {query: "select id from orders"}`)
		return nil
	}
	switch {
	case !decl.Query.sql.isSet():
		b.fail(decl.Pos, `deletes.sweep lacks "query"`, `write sweep: {query: "select id from orders"}`)
		return nil
	case decl.Query.sql.uses("start") || decl.Query.sql.uses("end"):
		b.fail(decl.Query.sql.Pos, "the listing asks for :start or :end, but it is one of all keys", "remove the condition")
	case len(s.Landing.Key) == 0:
		b.fail(d.Deletes.Pos, "what has no key cannot be listed by it", "declare primary_key, or remove deletes")
		return nil
	}
	listing := *s
	listing.Name = s.Name + " (deletes)"
	listing.query, listing.Slicing = decl.Query.sql.query, nil
	b.known(&listing, listing.query, decl.Query.sql.Pos)
	for _, name := range s.given {
		if name, ok := strings.CutPrefix(name, "each."); ok && !listing.query.uses(name) {
			b.fail(decl.Query.sql.Pos, fmt.Sprintf("the listing does not use :%s, which the key has", name), fmt.Sprintf("write where %[1]s = :%[1]s", name))
		}
	}
	if decl.Key.Pos != (strict.Pos{}) {
		listing.Landing.Key = b.listedKey(s, decl)
	}
	keys := listing
	keys.Landing.Version = ""
	listing.query.needs = keys.neededColumns()
	return b.sweepOf(&listing, decl)
}

// neededColumns are the columns that the stream's key and version are read from, with what names them.
func (s *Stream) neededColumns() map[string]string {
	out := map[string]string{}
	add := func(text, of string) {
		if p, err := parsePath(text); err == nil && len(p.steps) > 0 {
			out[p.steps[0].name] = of
		}
	}
	for _, k := range s.Landing.Key {
		add(k.Path, "primary_key")
	}
	add(s.Landing.Version, "version")
	return out
}
