package dag

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

// SelectorError is a selector that cannot be read.
type SelectorError struct {
	Selector string
	Pos      int // the character where it goes wrong, from 1
	Message  string
	Example  string // a selector that shows what is meant, or ""
}

// Error says where and why, and shows an example.
func (e *SelectorError) Error() string {
	text := fmt.Sprintf("selector %q, character %d: %s", e.Selector, e.Pos, e.Message)
	if e.Example != "" {
		text += "; for example " + e.Example
	}
	return text
}

// term is what stands between two spaces: criteria joined by commas, all of which must hold.
type term struct {
	text     string
	criteria []criterion
}

// criterion is one method and value, and how far around the nodes that match it the selection reaches.
type criterion struct {
	text   string
	method string
	value  string
	around bool // @: descendants, and whatever these need
	up     int  // steps to ancestors, or unlimited
	down   int  // steps to descendants, or unlimited
}

// The selector methods. What dbt writes otherwise is understood too: see aliases.
const (
	byName     = "fqn"
	byPath     = "path"
	byFile     = "file"
	byTag      = "tag"
	byKind     = "kind"
	byOwner    = "owner"
	bySeverity = "severity"
	bySource   = "source"
	byTest     = "test"
	byState    = "state"
	byResult   = "result"
	bySelector = "selector"
)

var methodNames = []string{
	byName, byPath, byFile, byTag, byKind, byOwner, bySeverity, bySource, byTest, byState, byResult, bySelector,
}

var aliases = map[string]string{
	"config.materialized": byKind,
	"config.severity":     bySeverity,
	"config.tags":         byTag,
}

// parseSelector reads a selection: terms separated by white space.
func parseSelector(text string) ([]term, error) {
	var terms []term
	for at := 0; at < len(text); {
		rest := text[at:]
		if r, size := utf8.DecodeRuneInString(rest); unicode.IsSpace(r) {
			at += size
			continue
		}
		end := strings.IndexFunc(rest, unicode.IsSpace)
		if end < 0 {
			end = len(rest)
		}
		t, err := (&parser{text: text}).term(at, at+end)
		if err != nil {
			return nil, err
		}
		terms = append(terms, t)
		at += end
	}
	if len(terms) == 0 {
		return nil, &SelectorError{Selector: text, Pos: 1, Message: "it is empty", Example: "feiqiu_dwd.dim_member+"}
	}
	return terms, nil
}

// parser reads stretches of one text, so that errors point into the whole of it.
type parser struct{ text string }

func (p *parser) fail(at int, example, format string, args ...any) error {
	return &SelectorError{
		Selector: p.text,
		Pos:      utf8.RuneCountInString(p.text[:at]) + 1,
		Message:  fmt.Sprintf(format, args...),
		Example:  example,
	}
}

func (p *parser) term(start, end int) (term, error) {
	t := term{text: p.text[start:end]}
	for at := start; at <= end; {
		length := strings.IndexByte(p.text[at:end], ',')
		if length < 0 {
			length = end - at
		}
		if length == 0 {
			return term{}, p.fail(at, "tag:daily,+dim_member",
				"a comma stands between two criteria, without spaces, and one is missing")
		}
		c, err := p.criterion(at, at+length)
		if err != nil {
			return term{}, err
		}
		t.criteria = append(t.criteria, c)
		at += length + 1
	}
	return t, nil
}

func (p *parser) criterion(start, end int) (criterion, error) {
	c := criterion{text: p.text[start:end]}
	var err error
	if p.text[start] == '@' {
		c.around = true
		start++
	}
	if digits := countDigits(p.text[start:end]); start+digits < end && p.text[start+digits] == '+' {
		if c.up, err = p.steps(start, start+digits); err != nil {
			return c, err
		}
		start += digits + 1
	}
	if digits := countLastDigits(p.text[start:end]); end-digits > start && p.text[end-digits-1] == '+' {
		if c.down, err = p.steps(end-digits, end); err != nil {
			return c, err
		}
		end -= digits + 1
	}
	if c.around && strings.ContainsRune(c.text, '+') {
		return c, p.fail(start, "@dim_member",
			"@ already takes the descendants and all that they need, and cannot be joined with +")
	}
	return c, p.methodAndValue(&c, start, end)
}

// steps reads the number beside a plus sign; none means no limit.
func (p *parser) steps(start, end int) (int, error) {
	if start == end {
		return unlimited, nil
	}
	steps, err := strconv.ParseInt(p.text[start:end], 10, 32)
	if err != nil {
		return 0, p.fail(start, "2+dim_member", "%s is too many steps", p.text[start:end])
	}
	return int(steps), nil
}

func (p *parser) methodAndValue(c *criterion, start, end int) error {
	word, value, named := strings.Cut(p.text[start:end], ":")
	if !named {
		word, value = defaultMethod(word), word
	} else {
		method := word
		if alias, ok := aliases[word]; ok {
			method = alias
		}
		if !slices.Contains(methodNames, method) {
			return p.unknownMethod(start, word)
		}
		start += len(word) + 1
		word = method
	}
	if value == "" {
		return p.fail(start, "+dim_member", "a name or a value is missing")
	}
	if i := strings.IndexAny(value, "+@"); i >= 0 && word == byName {
		return p.fail(start+i, "2+dim_member+1",
			"%c stands before or after a name, once, not inside", value[i])
	}
	c.method, c.value = word, value
	if badPattern(word, value) {
		return p.fail(start, "dim_*", "%s is not a pattern: a bracket is not closed", value)
	}
	return nil
}

func (p *parser) unknownMethod(at int, word string) error {
	example := "tag:daily"
	if near := strict.Nearest(word, methodNames); near != "" {
		example = near + ":…"
	}
	return p.fail(at, example, "there is no method %s; the methods are %s", word, strings.Join(methodNames, ", "))
}

// defaultMethod guesses from the look of a value what it is, as dbt does.
func defaultMethod(value string) string {
	switch {
	case strings.Contains(value, "/"):
		return byPath
	case slices.Contains([]string{".sql", ".csv", ".yml", ".yaml"}, path.Ext(value)):
		return byFile
	default:
		return byName
	}
}

func badPattern(method, value string) bool {
	if method == byPath {
		return !doublestar.ValidatePattern(value)
	}
	_, err := path.Match(value, "")
	return err != nil
}

func countDigits(s string) int {
	return len(s) - len(strings.TrimLeft(s, "0123456789"))
}

func countLastDigits(s string) int {
	return len(s) - len(strings.TrimRight(s, "0123456789"))
}
