package extract

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

// exprParser reads the inside of ${…}: names, env:NAME, now(format), literals, calls, {k: v} and [v].
type exprParser struct{ rest string }

// placeholder reads an expression and the } that ends it.
func (p *exprParser) placeholder() (*expr, error) {
	whole := p.rest
	e, err := p.expr()
	if err != nil {
		return nil, err
	}
	if !p.take("}") {
		return nil, fmt.Errorf("missing } after ${%s", shorten(whole, 40))
	}
	return e, nil
}

func (p *exprParser) expr() (*expr, error) {
	p.space()
	switch {
	case p.rest == "":
		return nil, fmt.Errorf("${ is not closed")
	case p.rest[0] == '{':
		return p.object()
	case p.rest[0] == '[':
		return p.array()
	case p.rest[0] == '\'' || p.rest[0] == '"':
		text, err := p.quoted()
		return &expr{kind: literalExpr, lit: text}, err
	}
	word := p.word()
	if word == "" {
		return nil, fmt.Errorf("%q is not an expression", shorten(p.rest, 20))
	}
	switch {
	case word == "env" && p.take(":"):
		name := p.word()
		if name == "" {
			return nil, fmt.Errorf("${env:…} lacks a name")
		}
		return &expr{kind: envExpr, name: name}, nil
	case word == "now" && p.take("("):
		return p.now()
	case p.take("("):
		return p.call(word)
	}
	return wordExpr(word), nil
}

// wordExpr is a literal where the word is one, else a name.
func wordExpr(word string) *expr {
	switch word {
	case "true", "false":
		return &expr{kind: literalExpr, lit: word == "true"}
	case "null":
		return &expr{kind: literalExpr}
	}
	if n, err := strconv.ParseInt(word, 10, 64); err == nil {
		return &expr{kind: literalExpr, lit: n}
	}
	if c := word[0]; (c == '-' || c >= '0' && c <= '9') && json.Valid([]byte(word)) {
		return &expr{kind: literalExpr, lit: json.Number(word)}
	}
	return &expr{kind: refExpr, name: word}
}

// now reads the format, which may stand without quotes, up to the closing parenthesis.
func (p *exprParser) now() (*expr, error) {
	text, after, ok := strings.Cut(p.rest, ")")
	if !ok {
		return nil, fmt.Errorf("missing ) after now(")
	}
	p.rest = after
	format, err := parseTimeFormat(strings.Trim(strings.TrimSpace(text), `'"`))
	return &expr{kind: nowExpr, format: format}, err
}

func (p *exprParser) call(name string) (*expr, error) {
	want, ok := functions[name]
	if !ok {
		return nil, &nameError{
			message: fmt.Sprintf("there is no function %s()", name),
			hint:    strict.Suggest(name, []string{"hmac_sha256", "json", "md5", "now", "sha256", "split"}, "there are "),
		}
	}
	args, err := p.list(")")
	if err != nil {
		return nil, err
	}
	if len(args) != want {
		return nil, fmt.Errorf("%s() takes %d, has %d", name, want, len(args))
	}
	return &expr{kind: callExpr, name: name, args: args}, nil
}

// nameError is an unknown name with a way out.
type nameError struct{ message, hint string }

func (e *nameError) Error() string { return e.message }

func (p *exprParser) array() (*expr, error) {
	p.take("[")
	args, err := p.list("]")
	return &expr{kind: arrayExpr, args: args}, err
}

func (p *exprParser) list(closing string) ([]*expr, error) {
	var args []*expr
	for !p.take(closing) {
		if len(args) > 0 && !p.take(",") {
			return nil, fmt.Errorf("expected , or %s at %q", closing, shorten(p.rest, 20))
		}
		e, err := p.expr()
		if err != nil {
			return nil, err
		}
		args = append(args, e)
	}
	return args, nil
}

func (p *exprParser) object() (*expr, error) {
	p.take("{")
	e := &expr{kind: objectExpr}
	for !p.take("}") {
		if len(e.keys) > 0 && !p.take(",") {
			return nil, fmt.Errorf("expected , or } at %q", shorten(p.rest, 20))
		}
		key, err := p.key()
		if err != nil {
			return nil, err
		}
		value, err := p.expr()
		if err != nil {
			return nil, err
		}
		e.keys, e.args = append(e.keys, key), append(e.args, value)
	}
	return e, nil
}

func (p *exprParser) key() (string, error) {
	p.space()
	var key string
	if p.rest != "" && (p.rest[0] == '\'' || p.rest[0] == '"') {
		var err error
		if key, err = p.quoted(); err != nil {
			return "", err
		}
	} else {
		key = p.word()
	}
	if key == "" || !p.take(":") {
		return "", fmt.Errorf("expected key: at %q", shorten(p.rest, 20))
	}
	return key, nil
}

func (p *exprParser) quoted() (string, error) {
	quote := p.rest[:1]
	text, after, ok := strings.Cut(p.rest[1:], quote)
	if !ok {
		return "", fmt.Errorf("missing %s after %q", quote, shorten(p.rest, 20))
	}
	p.rest = after
	return text, nil
}

// word takes letters, digits and the signs that names and numbers have.
func (p *exprParser) word() string {
	p.space()
	end := strings.IndexFunc(p.rest, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_.-+", r)
	})
	if end < 0 {
		end = len(p.rest)
	}
	word := p.rest[:end]
	p.rest = p.rest[end:]
	return word
}

func (p *exprParser) space() { p.rest = strings.TrimLeft(p.rest, " \t\n") }

func (p *exprParser) take(text string) bool {
	p.space()
	after, ok := strings.CutPrefix(p.rest, text)
	if ok {
		p.rest = after
	}
	return ok
}

// shorten cuts a text for a message, between characters.
func shorten(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit] + "…"
}
