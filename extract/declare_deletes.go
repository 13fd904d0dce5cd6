package extract

import "github.com/terrace-elt/terrace/dag/model/strict"

// deletesDecl says how it is found out what the source has no more.
type deletesDecl struct {
	strict.Pos
	Sweep sweepDecl `yaml:"sweep,required"`
}

// UnmarshalNode reads the keys and remembers the place.
func (d *deletesDecl) UnmarshalNode(n strict.Node) []strict.Problem {
	type keys deletesDecl
	problems := n.Decode((*keys)(d))
	d.Pos = n.Pos()
	return problems
}

// sweepDecl is a listing of all keys: a request and how its answers are read, or a query of a source of type postgres; and
// how much may be deleted for it.
type sweepDecl struct {
	strict.Pos
	Method      strict.String     `yaml:"method" enum:"GET,POST,PUT"`
	Path        value             `yaml:"path"`
	Query       sweepQueryDecl    `yaml:"query"`
	Form        strict.Map[value] `yaml:"form"`
	Headers     strict.Map[value] `yaml:"headers"`
	JSON        value             `yaml:"json"`
	Paginate    paginateDecl      `yaml:"paginate"`
	Records     pathDecl          `yaml:"records"`
	OnMissing   string            `yaml:"on_missing" enum:"error,empty"`
	SuccessWhen predicateDecl     `yaml:"success_when"`
	On          []ruleDecl        `yaml:"on"`

	Key      pathsDecl              `yaml:"key"`
	MaxShare strict.Placed[float64] `yaml:"max_share"`
}

// UnmarshalNode reads the keys and remembers the place.
func (s *sweepDecl) UnmarshalNode(n strict.Node) []strict.Problem {
	type keys sweepDecl
	problems := n.Decode((*keys)(s))
	s.Pos = n.Pos()
	return problems
}

// sweepQueryDecl is the query part of a request, or SQL.
type sweepQueryDecl struct {
	sql   queryDecl
	pairs strict.Map[value]
}

// UnmarshalNode reads either form.
func (q *sweepQueryDecl) UnmarshalNode(n strict.Node) []strict.Problem {
	if n.Kind() == strict.Mapping {
		return n.Decode(&q.pairs)
	}
	return n.Decode(&q.sql)
}

// stream is the listing as a stream of its own.
func (s *sweepDecl) stream(of *streamDecl) *streamDecl {
	return &streamDecl{
		Pos: s.Pos,
		Request: requestDecl{
			Pos: s.Pos, Method: s.Method, Path: s.Path, Query: s.Query.pairs, Form: s.Form, Headers: s.Headers, JSON: s.JSON,
		},
		Paginate: s.Paginate, Records: s.Records, OnMissing: s.OnMissing, SuccessWhen: s.SuccessWhen, On: s.On, Each: of.Each,
	}
}

// pathsDecl is one path or a list of them.
type pathsDecl struct {
	strict.Pos
	paths []pathDecl
}

// UnmarshalNode reads either form.
func (p *pathsDecl) UnmarshalNode(n strict.Node) []strict.Problem {
	p.Pos = n.Pos()
	if n.Kind() == strict.Sequence {
		return n.Decode(&p.paths)
	}
	p.paths = make([]pathDecl, 1)
	return n.Decode(&p.paths[0])
}
