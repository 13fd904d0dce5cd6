package extract

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// predicate is a condition on a response: on its status and on single values of its body. The zero predicate was not
// declared.
type predicate struct {
	text string
	root *condition
}

// condition is a comparison, or an and, or, not of others.
type condition struct {
	op    string // and, or, not, ==, !=, <, <=, >, >=, in
	args  []*condition
	path  *path // nil: the status is compared
	want  []found
	index int // of the path among what the selection captures
}

func parsePredicate(text string) (predicate, error) {
	p := predicateParser{exprParser{rest: text}}
	root, err := p.either()
	if err == nil && strings.TrimSpace(p.rest) != "" {
		err = fmt.Errorf("expected and, or, or the end at %q", shorten(p.rest, 20))
	}
	if err != nil {
		return predicate{}, fmt.Errorf("condition %q: %w", text, err)
	}
	return predicate{text: text, root: root}, nil
}

// bind makes the selection look for the values that the condition needs.
func (p predicate) bind(s *selection) {
	if p.root != nil {
		p.root.bind(s)
	}
}

func (c *condition) bind(s *selection) {
	if c.path != nil {
		c.index = s.want(*c.path)
	}
	for _, a := range c.args {
		a.bind(s)
	}
}

// holds judges a response. A value that is not there is null.
func (p predicate) holds(status int, e envelope) bool { return p.root.holds(status, e) }

func (c *condition) holds(status int, e envelope) bool {
	switch c.op {
	case "and":
		return c.args[0].holds(status, e) && c.args[1].holds(status, e)
	case "or":
		return c.args[0].holds(status, e) || c.args[1].holds(status, e)
	case "not":
		return !c.args[0].holds(status, e)
	}
	got := found{kind: '0', raw: strconv.AppendInt(nil, int64(status), 10)}
	if c.path != nil {
		got = e.get(c.index)
	}
	for _, want := range c.want {
		if compareFound(got, want, c.op) {
			return true
		}
	}
	return false
}

// describe says which values the condition saw, for an error.
func (p predicate) describe(e envelope) string {
	var seen []string
	var walk func(*condition)
	walk = func(c *condition) {
		if c.path != nil {
			seen = append(seen, fmt.Sprintf("%s is %s", c.path.text, e.get(c.index).describe()))
		}
		for _, a := range c.args {
			walk(a)
		}
	}
	walk(p.root)
	return strings.Join(seen, ", ")
}

func (f found) describe() string {
	if f.raw == nil {
		return kindName(f.kind)
	}
	return shorten(string(f.raw), 80)
}

func compareFound(got, want found, op string) bool {
	if op == "!=" {
		return !compareFound(got, want, "==")
	}
	if got.kind == 0 {
		got.kind = 'n'
	}
	if got.kind != want.kind {
		return false
	}
	switch got.kind {
	case '0':
		order, ok := compareNumbers(string(got.raw), string(want.raw))
		return ok && ordered(order, op)
	case '"':
		return ordered(strings.Compare(unquote(got.raw), unquote(want.raw)), op)
	default:
		return op == "==" || op == "in"
	}
}

func ordered(order int, op string) bool {
	switch op {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	default:
		return order == 0
	}
}

// compareNumbers compares exactly. Numbers with an exponent too large to write out compare with nothing.
func compareNumbers(a, b string) (int, bool) {
	x, okX := exact(a)
	y, okY := exact(b)
	if !okX || !okY {
		return 0, false
	}
	return x.Cmp(y), true
}

func exact(text string) (*big.Rat, bool) {
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		if e, err := strconv.Atoi(text[i+1:]); err != nil || e > 400 || e < -400 {
			return nil, false
		}
	}
	return new(big.Rat).SetString(text)
}

func unquote(raw []byte) string {
	// The bytes were read as a JSON string; what cannot be unquoted is replaced.
	text, _ := jsontext.AppendUnquote(nil, raw)
	return string(text)
}

// predicateParser reads conditions; words and quotes are those of expressions.
type predicateParser struct{ exprParser }

func (p *predicateParser) either() (*condition, error) { return p.chain("or", p.both) }

func (p *predicateParser) both() (*condition, error) { return p.chain("and", p.negation) }

func (p *predicateParser) chain(op string, operand func() (*condition, error)) (*condition, error) {
	left, err := operand()
	for err == nil && p.takeWord(op) {
		var right *condition
		right, err = operand()
		left = &condition{op: op, args: []*condition{left, right}}
	}
	return left, err
}

func (p *predicateParser) negation() (*condition, error) {
	if p.takeWord("not") {
		inner, err := p.negation()
		return &condition{op: "not", args: []*condition{inner}}, err
	}
	if !p.take("(") {
		return p.comparison()
	}
	inner, err := p.either()
	if err == nil && !p.take(")") {
		err = fmt.Errorf("missing )")
	}
	return inner, err
}

func (p *predicateParser) comparison() (*condition, error) {
	c := &condition{}
	p.space()
	if strings.HasPrefix(p.rest, "$") {
		parsed, err := p.path()
		if err != nil {
			return nil, err
		}
		c.path = &parsed
	} else if !p.takeWord("status") {
		return nil, fmt.Errorf("expected status or a path such as $.code at %q", shorten(p.rest, 20))
	}
	if p.takeWord("in") {
		c.op = "in"
		return c, p.members(c)
	}
	for _, op := range []string{"==", "!=", "<=", ">=", "<", ">"} {
		if p.take(op) {
			c.op = op
			want, err := p.literal()
			c.want = []found{want}
			return c, err
		}
	}
	return nil, fmt.Errorf("expected ==, !=, <, <=, >, >= or in at %q", shorten(p.rest, 20))
}

func (p *predicateParser) path() (path, error) {
	end, quote := 1, byte(0)
	for depth := 0; end < len(p.rest); end++ {
		ch := p.rest[end]
		switch {
		case quote != 0:
			if ch == quote {
				quote = 0
			}
			continue
		case depth > 0 && (ch == '\'' || ch == '"'):
			quote = ch
		case ch == '[':
			depth++
		case ch == ']':
			depth--
		}
		if depth == 0 && strings.IndexByte(" \t\n=!<>)", ch) >= 0 {
			break
		}
	}
	parsed, err := parsePath(p.rest[:end])
	if err == nil && !parsed.single() {
		err = fmt.Errorf("%s is not a single value", parsed.text)
	}
	p.rest = p.rest[end:]
	return parsed, err
}

func (p *predicateParser) members(c *condition) error {
	if !p.take("[") {
		return fmt.Errorf("expected [ after in")
	}
	for !p.take("]") {
		if len(c.want) > 0 && !p.take(",") {
			return fmt.Errorf("expected , or ] at %q", shorten(p.rest, 20))
		}
		want, err := p.literal()
		if err != nil {
			return err
		}
		c.want = append(c.want, want)
	}
	return nil
}

func (p *predicateParser) literal() (found, error) {
	p.space()
	if p.rest != "" && (p.rest[0] == '\'' || p.rest[0] == '"') {
		text, err := p.quoted()
		return found{kind: '"', raw: appendValue(nil, text)}, err
	}
	at := p.rest
	word := p.word()
	if word == "" {
		return found{}, fmt.Errorf("expected a number, a quoted text, true, false or null at %q", shorten(at, 20))
	}
	e := wordExpr(word)
	if e.kind != literalExpr {
		return found{}, fmt.Errorf("put quotes around %s if it is a text", word)
	}
	raw := jsontext.Value(appendValue(nil, e.lit))
	return found{kind: raw.Kind(), raw: raw}, nil
}

// takeWord takes a whole word, not the beginning of a longer one.
func (p *predicateParser) takeWord(word string) bool {
	before := p.rest
	if p.word() == word {
		return true
	}
	p.rest = before
	return false
}
