package extract

import (
	"fmt"
	"strconv"
	"strings"
)

// path is a JSONPath of the subset that declarations may use: $, .name, ['name'], [n] and [*].
type path struct {
	text  string
	steps []step
}

// step is one selector of a path: a member's name, an element's index, or every element of an array.
type step struct {
	name  string
	index int
	kind  stepKind
}

type stepKind uint8

const (
	byName stepKind = iota
	byIndex
	everyElement
)

// parsePath reads a path. Slices, filters, descendants and negative indexes are refused.
func parsePath(text string) (path, error) {
	p := path{text: text}
	rest, ok := strings.CutPrefix(text, "$")
	if !ok {
		return path{}, fmt.Errorf("path %q does not begin with $", text)
	}
	for rest != "" {
		var s step
		var err error
		switch {
		case strings.HasPrefix(rest, ".."):
			return path{}, fmt.Errorf("path %q: descendants (..) are not known; name every level", text)
		case rest[0] == '.':
			s, rest, err = parseDotted(rest[1:])
		case rest[0] == '[':
			s, rest, err = parseBracket(rest[1:])
		default:
			err = fmt.Errorf("expected . or [ at %q", rest)
		}
		if err != nil {
			return path{}, fmt.Errorf("path %q: %w", text, err)
		}
		p.steps = append(p.steps, s)
	}
	return p, nil
}

func parseDotted(rest string) (step, string, error) {
	if strings.HasPrefix(rest, "*") {
		return step{kind: everyElement}, rest[1:], nil
	}
	end := strings.IndexAny(rest, ".[")
	if end < 0 {
		end = len(rest)
	}
	name := rest[:end]
	if name == "" || strings.ContainsAny(name, " ]'\"*?@()") {
		return step{}, "", fmt.Errorf("%q is not a name; write ['…'] for unusual ones", name)
	}
	return step{kind: byName, name: name}, rest[end:], nil
}

func parseBracket(rest string) (step, string, error) {
	if after, ok := strings.CutPrefix(rest, "*]"); ok {
		return step{kind: everyElement}, after, nil
	}
	if rest != "" && (rest[0] == '\'' || rest[0] == '"') {
		return parseQuoted(rest)
	}
	digits, after, ok := strings.Cut(rest, "]")
	if !ok {
		return step{}, "", fmt.Errorf("missing ] after %q", rest)
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n < 0 {
		return step{}, "", fmt.Errorf("[%s] is neither [*], an index from 0, nor a quoted name", digits)
	}
	return step{kind: byIndex, index: n}, after, nil
}

func parseQuoted(rest string) (step, string, error) {
	quote := rest[0]
	var name strings.Builder
	for i := 1; i < len(rest); i++ {
		switch rest[i] {
		case '\\':
			i++
			if i < len(rest) {
				name.WriteByte(rest[i])
			}
		case quote:
			after, ok := strings.CutPrefix(rest[i+1:], "]")
			if !ok {
				return step{}, "", fmt.Errorf("missing ] after %q", rest[:i+1])
			}
			return step{kind: byName, name: name.String()}, after, nil
		default:
			name.WriteByte(rest[i])
		}
	}
	return step{}, "", fmt.Errorf("missing %c in %q", quote, rest)
}

// single reports whether the path selects at most one value.
func (p path) single() bool {
	for _, s := range p.steps {
		if s.kind == everyElement {
			return false
		}
	}
	return true
}

// upTo is the text of the first n steps, in normal form, for messages.
func (p path) upTo(n int) string {
	var b strings.Builder
	b.WriteByte('$')
	for _, s := range p.steps[:n] {
		switch {
		case s.kind == everyElement:
			b.WriteString("[*]")
		case s.kind == byIndex:
			fmt.Fprintf(&b, "[%d]", s.index)
		case plainName(s.name):
			b.WriteByte('.')
			b.WriteString(s.name)
		default:
			fmt.Fprintf(&b, "[%q]", s.name)
		}
	}
	return b.String()
}

func plainName(name string) bool {
	return name != "" && !strings.ContainsAny(name, ".[ ]'\"*?@()\\")
}
