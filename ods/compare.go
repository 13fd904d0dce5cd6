package ods

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Compared says how a page that the source has now stands to what has been landed.
type Compared struct {
	Records   int64 // of the page, each key once
	Same      int64
	Different int64 // the current record has other content
	Rejected  int64 // cannot be landed
	// Missing are the keys, as people read them, of which there is no record, or only one that is marked as deleted.
	Missing []string
}

// Compare looks for a page's records among the current ones. It writes nothing, and the page needs no slice.
func (s *Store) Compare(ctx context.Context, page Page) (Compared, error) {
	p, err := prepareRecords(page)
	if err != nil {
		return Compared{}, fmt.Errorf("compare %s: %w", page.Stream.Name, err)
	}
	rel, err := newRelation(page.Stream)
	if err != nil {
		return Compared{}, fmt.Errorf("compare %s: %w", page.Stream.Name, err)
	}
	w := &writer{rel: rel, p: p}
	err = s.inTransaction(ctx, func(tx pgx.Tx) (end, error) {
		w.tx = tx
		return abandon, w.lookUp(ctx)
	})
	if err != nil {
		return Compared{}, fmt.Errorf("compare %s: %w", page.Stream.Name, err)
	}
	return w.compare(), nil
}

func (w *writer) compare() Compared {
	out := Compared{Records: int64(len(w.p.groups)), Rejected: int64(len(w.p.rejects))}
	for i, g := range w.p.groups {
		members := g.members()
		last := w.p.rows[members[len(members)-1]]
		switch held := w.held[i]; {
		case !held.exists || held.deleted:
			out.Missing = append(out.Missing, w.rel.words(last))
		case held.hash == last.hash:
			out.Same++
		default:
			out.Different++
		}
	}
	return out
}

// words is a record's key as people read it.
func (r *relation) words(of row) string {
	if of.key == nil {
		return fmt.Sprintf("%x", of.hash)
	}
	parts := make([]string, len(of.key))
	for i, part := range of.key {
		parts[i] = r.key[i].name + "=" + part.text
	}
	return strings.Join(parts, " ")
}
