package extract

import (
	"fmt"

	"github.com/terrace-elt/terrace/dag/model/strict"
	"github.com/terrace-elt/terrace/ods"
)

// defaultMaxShare is how much of a stream a sweep may delete where nothing is declared. More than half is rather a
// listing that went wrong.
const defaultMaxShare = 0.5

// sweep is how it is found out what the source has no more: a listing of all keys, as a stream of its own.
type sweep struct {
	listing  *Stream
	maxShare float64
}

// deletes fills in the listing of keys, nil where none is declared.
func (b *builder) deletes(s *Stream, d *streamDecl) *sweep {
	if d.Deletes.Pos == (strict.Pos{}) {
		return nil
	}
	decl := &d.Deletes.Sweep
	if decl.Pos == (strict.Pos{}) {
		return nil // its absence has been told
	}
	if len(s.Landing.Key) == 0 {
		b.fail(d.Deletes.Pos, "what has no key cannot be listed by it", "declare primary_key, or remove deletes")
		return nil
	}
	b.required(decl.Path.Pos, decl.Pos, "path")
	b.required(decl.Records.Pos, decl.Pos, "records")
	b.required(decl.Key.Pos, decl.Pos, "key")
	b.foreign(decl.Query.sql.Pos, "a query that is SQL", "http")
	listing := *s
	listing.Name = s.Name + " (deletes)"
	listing.Slicing, listing.routes, listing.parent, listing.Landing.Key = nil, nil, nil, b.listedKey(s, decl)
	own := decl.stream(d)
	listing.request = b.request(own.Request, decl.Pos)
	b.signed(&listing.request, own.Request, s.Source.sign)
	listing.responses = b.responses(s.Source, own)
	listing.paginate = b.paginate(own.Paginate, listing.responses.selection)
	listing.paginate.base = s.Source.baseURL
	b.cursorPlace(&listing, own.Paginate)
	b.placeholders(&listing, own, decl.Pos)
	return b.sweepOf(&listing, decl)
}

// required refuses the absence of a key.
func (b *builder) required(at, whole strict.Pos, key string) {
	if at == (strict.Pos{}) {
		b.fail(whole, fmt.Sprintf("%q is missing", key), "")
	}
}

// sweepOf is the sweep with its limit.
func (b *builder) sweepOf(listing *Stream, decl *sweepDecl) *sweep {
	out := &sweep{listing: listing, maxShare: defaultMaxShare}
	if !decl.MaxShare.IsZero() {
		out.maxShare = decl.MaxShare.Value
		if out.maxShare < 0 || out.maxShare > 1 {
			b.fail(decl.MaxShare.Pos, fmt.Sprintf("max_share is a share from 0 to 1, not %g", out.maxShare), "write 0.1 for a tenth")
		}
	}
	return out
}

// listedKey gives the key's columns the paths that they have in the listing.
func (b *builder) listedKey(s *Stream, d *sweepDecl) []ods.KeyColumn {
	if d.Key.Pos == (strict.Pos{}) {
		return nil // its absence has been told
	}
	var columns []ods.KeyColumn
	paths := d.Key.paths
	for _, c := range s.Landing.Key {
		if c.Path != "" && len(paths) > 0 {
			c.Path = paths[0].text
			paths = paths[1:]
		} else if c.Path != "" {
			b.fail(d.Key.Pos, fmt.Sprintf("the listing lacks the key's column %s", c.Name), "write a path for each column of primary_key, in their order")
			return nil
		}
		columns = append(columns, c)
	}
	if len(paths) > 0 {
		b.fail(paths[0].Pos, "the listing has more paths than the key has columns", "write a path for each column of primary_key, in their order")
	}
	for _, p := range d.Key.paths {
		if len(p.steps) > 0 && !namesOnly(p.path) {
			b.fail(p.Pos, fmt.Sprintf("key %s is not made of names below the listed record", p.text), "write $ for the record itself, or $.id")
		}
	}
	return columns
}
