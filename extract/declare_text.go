package extract

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

// pathDecl is a JSONPath with its place.
type pathDecl struct {
	strict.Pos
	path
}

// UnmarshalNode reads and parses the path.
func (p *pathDecl) UnmarshalNode(n strict.Node) []strict.Problem {
	p.Pos = n.Pos()
	var text string
	if problems := n.Decode(&text); len(problems) > 0 {
		return problems
	}
	var err error
	p.path, err = parsePath(text)
	return placed(n, err)
}

func (p pathDecl) isSet() bool { return p.Pos != strict.Pos{} }

// predicateDecl is a condition with its place.
type predicateDecl struct {
	strict.Pos
	predicate
}

// UnmarshalNode reads and parses the condition.
func (p *predicateDecl) UnmarshalNode(n strict.Node) []strict.Problem {
	p.Pos = n.Pos()
	var text string
	if problems := n.Decode(&text); len(problems) > 0 {
		return problems
	}
	var err error
	p.predicate, err = parsePredicate(text)
	return placed(n, err)
}

// queryDecl is SQL with its place.
type queryDecl struct {
	strict.Pos
	query
}

// UnmarshalNode reads the query and finds its parameters.
func (q *queryDecl) UnmarshalNode(n strict.Node) []strict.Problem {
	q.Pos = n.Pos()
	var text string
	if problems := n.Decode(&text); len(problems) > 0 {
		return problems
	}
	var err error
	q.query, err = parseQuery(text)
	return placed(n, err)
}

func (q queryDecl) isSet() bool { return q.Pos != strict.Pos{} }

// keyDecl is one column of a primary key: a path, a path with name and type, or a value that the request knows and the
// record does not.
type keyDecl struct {
	strict.Pos
	text  string        // as written in the short form, for streams of type existing
	Path  pathDecl      `yaml:"path"`
	Value value         `yaml:"value"`
	Name  strict.String `yaml:"name"`
	Type  strict.String `yaml:"type"`
}

// UnmarshalNode reads either form. A short form that is no path is kept as a column's name.
func (k *keyDecl) UnmarshalNode(n strict.Node) []strict.Problem {
	if n.Kind() == strict.Mapping {
		type keys keyDecl
		problems := n.Decode((*keys)(k))
		k.Pos = n.Pos()
		if len(problems) == 0 && k.Path.isSet() == k.Value.isSet() {
			problems = append(problems, n.Problem("a key column has either path or value", "write {path: $.id}, or {value: ${each.shop}}"))
		}
		return problems
	}
	k.Pos = n.Pos()
	if problems := n.Decode(&k.text); len(problems) > 0 || !strings.HasPrefix(k.text, "$") {
		return problems
	}
	return n.Decode(&k.Path)
}

// stepDecl is a duration, or the word none.
type stepDecl struct {
	strict.Pos
	none bool
	step strict.Duration
}

// UnmarshalNode reads the step.
func (s *stepDecl) UnmarshalNode(n strict.Node) []strict.Problem {
	s.Pos = n.Pos()
	if n.Text() == "none" {
		s.none = true
		return nil
	}
	problems := n.Decode(&s.step)
	if len(problems) == 0 && s.step.IsZero() {
		return []strict.Problem{n.Problem("a step of no length never ends", "write P1D, P1M or none")}
	}
	return problems
}

// sizeDecl is a number of bytes: 256MB, 2GB, 65536.
type sizeDecl struct {
	strict.Pos
	bytes int64
}

var sizeText = regexp.MustCompile(`^(\d{1,12})\s*(B|KB|MB|GB)?$`)

// UnmarshalNode reads the size.
func (s *sizeDecl) UnmarshalNode(n strict.Node) []strict.Problem {
	s.Pos = n.Pos()
	var text string
	if problems := n.Decode(&text); len(problems) > 0 {
		return problems
	}
	part := sizeText.FindStringSubmatch(text)
	if part == nil {
		return []strict.Problem{n.Problem(fmt.Sprintf("%q is no size", n.Text()), "write 256MB or 2GB")}
	}
	// Twelve digits fit, also times a gigabyte's shift below a petabyte; larger is nobody's limit.
	number, _ := strconv.ParseInt(part[1], 10, 64)
	shift := map[string]uint{"": 0, "B": 0, "KB": 10, "MB": 20, "GB": 30}[part[2]]
	if s.bytes = number << shift; s.bytes <= 0 || s.bytes>>shift != number {
		return []strict.Problem{n.Problem(fmt.Sprintf("%q is no useful size", n.Text()), "write 256MB or 2GB")}
	}
	return nil
}
