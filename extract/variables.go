package extract

import (
	"slices"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

// Variables are the names that the source's declaration asks the environment for when it is read, by ${env:NAME}, sorted.
// Names that are filled in when the declaration is loaded, by ${NAME}, are not among them: Load reports those that are
// unset.
func (s *Source) Variables() []string {
	var names []string
	collect := func(e *expr, _ strict.Pos) {
		if e.kind == envExpr {
			names = append(names, e.name)
		}
	}
	for _, v := range s.values() {
		v.walk(collect)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// values are all values of the source's declaration that a request may be made of.
func (s *Source) values() []value {
	values := append(s.auth.values(), s.s3.accessKey, s.s3.secretKey, s.url)
	if s.sign != nil {
		values = append(values, s.sign.key, s.sign.wrap)
	}
	for _, stream := range s.Streams {
		values = append(values, stream.request.values()...)
		if stream.sweep != nil {
			values = append(values, stream.sweep.listing.request.values()...)
		}
		for _, r := range stream.routes {
			values = append(values, r.path)
		}
	}
	return values
}
