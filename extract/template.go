package extract

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/terrace-elt/terrace/ods"
)

// template is a text with ${…} in it.
type template struct {
	text  string
	parts []templatePart
}

// templatePart is literal text, or an expression when expr is set.
type templatePart struct {
	text string
	expr *expr
}

// scope is what the names of a template mean for one request.
type scope struct {
	values map[string]any // "slice.start", "page.number", "parent.id": string, int64 or json.Number
	env    func(string) (string, bool)
	now    time.Time
	zone   *time.Location
	token  ods.Token
	link   *url.URL // where the page before says that this one is; nil for the first
	// masked shows ${env:NAME} as ‹NAME›, for descriptions of a request.
	masked bool
}

func parseTemplate(text string) (template, error) {
	t := template{text: text}
	rest := text
	for {
		literal, after, ok := strings.Cut(rest, "${")
		if literal != "" {
			t.parts = append(t.parts, templatePart{text: literal})
		}
		if !ok {
			return t, nil
		}
		p := exprParser{rest: after}
		e, err := p.placeholder()
		if err != nil {
			return t, err
		}
		t.parts = append(t.parts, templatePart{expr: e})
		rest = p.rest
	}
}

// eval gives the template's value: of whatever type when it is one placeholder and nothing else, a text otherwise.
func (t template) eval(s scope) (any, error) {
	if len(t.parts) == 1 && t.parts[0].expr != nil {
		return t.parts[0].expr.eval(s)
	}
	return t.string(s, func(text string) string { return text })
}

// string joins the parts; escape is applied to what placeholders give, not to what is written in the template.
func (t template) string(s scope, escape func(string) string) (string, error) {
	var b strings.Builder
	for _, p := range t.parts {
		if p.expr == nil {
			b.WriteString(p.text)
			continue
		}
		v, err := p.expr.eval(s)
		if err != nil {
			return "", err
		}
		b.WriteString(escape(plainText(v)))
	}
	return b.String(), nil
}

// walk calls visit for every expression of the template.
func (t template) walk(visit func(*expr)) {
	for _, p := range t.parts {
		if p.expr != nil {
			p.expr.walk(visit)
		}
	}
}

// plainText is a value outside JSON: in a path, a query, a form or a header.
func plainText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case json.Number:
		return string(v)
	case bool:
		return strconv.FormatBool(v)
	case jsontext.Value:
		return string(v)
	default:
		return ""
	}
}

// appendValue appends a value as JSON.
func appendValue(dst []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		// Text that is not UTF-8 has its bad bytes replaced; the error says no more than that.
		out, _ := jsontext.AppendQuote(dst, v)
		return out
	case nil:
		return append(dst, "null"...)
	default:
		return append(dst, plainText(v)...)
	}
}

type exprKind uint8

const (
	literalExpr exprKind = iota // lit
	refExpr                     // name
	envExpr                     // name
	nowExpr                     // format
	callExpr                    // name, args
	objectExpr                  // keys, args
	arrayExpr                   // args
)

// expr is an expression inside ${…}.
type expr struct {
	kind   exprKind
	name   string
	lit    any
	format timeFormat
	keys   []string
	args   []*expr
}

// functions by name, with the number of their arguments.
var functions = map[string]int{"md5": 1, "sha256": 1, "hmac_sha256": 2, "json": 1, "split": 2}

func (e *expr) walk(visit func(*expr)) {
	visit(e)
	for _, a := range e.args {
		a.walk(visit)
	}
}

func (e *expr) eval(s scope) (any, error) {
	switch e.kind {
	case literalExpr:
		return e.lit, nil
	case refExpr:
		v, ok := s.value(e.name)
		if !ok {
			return nil, fmt.Errorf("${%s} has no value here", e.name)
		}
		return v, nil
	case envExpr:
		return s.lookup(e.name)
	case nowExpr:
		return e.format.value(s.now, s.zone), nil
	case callExpr:
		return e.call(s)
	default:
		return e.document(s)
	}
}

// value is what a name means.
func (s scope) value(name string) (any, bool) {
	text, ok := map[string]string{tokenAccess: s.token.Access, tokenRefresh: s.token.Refresh}[name]
	switch {
	case !ok:
		v, ok := s.values[name]
		return v, ok
	case s.masked:
		return "‹" + name + "›", true
	case text == "":
		return nil, true
	default:
		return text, true
	}
}

func (s scope) lookup(name string) (any, error) {
	if s.masked {
		return "‹" + name + "›", nil
	}
	v, ok := s.env(name)
	if !ok || v == "" {
		return nil, &unsetError{name: name}
	}
	return v, nil
}

// unsetError is a variable of the environment that a request needs.
type unsetError struct{ name string }

func (e *unsetError) Error() string { return fmt.Sprintf("environment variable %s is not set", e.name) }

func (e *expr) call(s scope) (any, error) {
	args := make([]string, len(e.args))
	for i, a := range e.args {
		v, err := a.eval(s)
		if err != nil {
			return nil, err
		}
		args[i] = plainText(v)
		if e.name == "json" {
			return string(appendValue(nil, v)), nil
		}
	}
	switch e.name {
	case "split":
		return splitText(args[0], args[1]), nil
	case "md5":
		sum := md5.Sum([]byte(args[0])) // the recipes of the services ask for it
		return hex.EncodeToString(sum[:]), nil
	case "sha256":
		sum := sha256.Sum256([]byte(args[0]))
		return hex.EncodeToString(sum[:]), nil
	default: // hmac_sha256: the parser knows no other
		mac := hmac.New(sha256.New, []byte(args[0]))
		mac.Write([]byte(args[1]))
		return hex.EncodeToString(mac.Sum(nil)), nil
	}
}

// splitText is the list that a text between separators is, without blanks around its items and without empty ones; nil
// where nothing remains, so that what is not set is left out of a request.
func splitText(text, separator string) any {
	out := []byte{'['}
	for item := range strings.SplitSeq(text, separator) {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = appendValue(out, item)
	}
	if len(out) == 1 {
		return nil
	}
	return jsontext.Value(append(out, ']'))
}

// document gives an object or array as compact JSON, its keys in the order in which they are written.
func (e *expr) document(s scope) (any, error) {
	opening, closing := byte('['), byte(']')
	if e.kind == objectExpr {
		opening, closing = '{', '}'
	}
	out := []byte{opening}
	for i, a := range e.args {
		v, err := a.eval(s)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out = append(out, ',')
		}
		if e.kind == objectExpr {
			out = append(appendValue(out, e.keys[i]), ':')
		}
		out = appendValue(out, v)
	}
	return jsontext.Value(append(out, closing)), nil
}
