package extract

import (
	"fmt"
	"slices"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

// placeholders checks that a request uses only names that mean something, and those without which every page or slice
// would be the same.
func (b *builder) placeholders(s *Stream, d *streamDecl, at strict.Pos) {
	known := b.knownNames(s, d)
	used := map[string]bool{}
	values := s.request.values()
	for _, r := range s.routes {
		values = append(values, r.path)
	}
	for _, v := range values {
		b.names(v, known, s.Name)
		v.walk(func(e *expr, _ strict.Pos) { used[e.name] = used[e.name] || e.kind == refExpr })
	}
	used["cursor"] = used["cursor"] || s.request.cursorName != ""
	for _, name := range s.given {
		if !slices.Contains(known, name) {
			b.fail(at, fmt.Sprintf("${%s} in primary_key means nothing in %s", name, s.Name), strict.Suggest(name, known, "there are "))
		}
	}
	if d.Request.Pos == (strict.Pos{}) {
		return
	}
	needs := func(name string, at strict.Pos, otherwise string) {
		if !used[name] {
			b.fail(at, fmt.Sprintf("the request does not use ${%s}%s", name, otherwise), "put it into path, query, form or json")
		}
	}
	if name := pageName(s.paginate.kind); name != "" {
		needs(name, d.Paginate.Pos, ", so every page would be the same")
	}
	if s.Slicing != nil {
		needs("slice.start", d.Slices.Pos, ", so every slice would be the same")
	}
	for _, k := range d.Parent.Keys {
		needs("parent."+k.Key, k.Pos, "")
	}
	for _, e := range d.Each {
		needs("each."+e.Key, e.Pos, ", so each of its values would give the same")
	}
}

// pageName is the placeholder without which every page would be the same; links need none.
func pageName(kind string) string {
	return map[string]string{"page": "page.number", "offset": "page.offset", "cursor": "cursor", "keyset": "cursor"}[kind]
}

// knownNames are the placeholders that mean something in the stream's requests, sorted.
func (b *builder) knownNames(s *Stream, d *streamDecl) []string {
	known := []string{"page.number"}
	if s.paginate.size > 0 {
		known = append(known, "page.size")
	}
	if name := pageName(s.paginate.kind); name != "" {
		known = append(known, name)
	}
	if s.Slicing != nil {
		known = append(known, "slice.start", "slice.end")
	}
	for _, k := range d.Parent.Keys {
		known = append(known, "parent."+k.Key)
	}
	for _, e := range d.Each {
		known = append(known, "each."+e.Key)
	}
	if s.Source.auth.renewable() {
		known = append(known, tokenAccess)
	}
	slices.Sort(known)
	return slices.Compact(known)
}

// names refuses placeholders that have no meaning where they stand.
func (b *builder) names(v value, known []string, stream string) {
	v.walk(func(e *expr, at strict.Pos) {
		if e.kind != refExpr || slices.Contains(known, e.name) {
			return
		}
		where, hint := "here", strict.Suggest(e.name, known, "there are env:NAME, now(format), ")
		if stream != "" {
			where = "in " + stream
		}
		if e.name == tokenAccess {
			hint = "it needs auth of type token_call, oauth2_client or oauth2_refresh"
		}
		b.fail(at, fmt.Sprintf("${%s} means nothing %s", e.name, where), hint)
	})
}
