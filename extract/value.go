package extract

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

// value is a value of a request as it is written in YAML: its texts may hold placeholders, and one that is nothing but
// a placeholder has the placeholder's type.
type value struct {
	strict.Pos
	kind   valueKind
	text   template // texts
	lit    any      // numbers, true, false, null
	fields strict.Map[value]
	items  []value
	// variables are the names of the environment that the texts mention, whether they are filled in already or not.
	variables []string
	// secretVariables are those of them whose values are not for showing: ${NAME} also serves for plain settings, such
	// as the number of a shop in a path.
	secretVariables []string
}

type valueKind uint8

const (
	absentValue valueKind = iota
	textValue
	literalValue
	objectValue
	arrayValue
)

// UnmarshalNode reads the value and parses its texts.
func (v *value) UnmarshalNode(n strict.Node) []strict.Problem {
	v.Pos = n.Pos()
	switch n.Kind() {
	case strict.Null:
		v.kind = literalValue
		return nil
	case strict.Mapping:
		v.kind = objectValue
		return n.Decode(&v.fields)
	case strict.Sequence:
		v.kind = arrayValue
		return n.Decode(&v.items)
	}
	for _, m := range envNames.FindAllStringSubmatch(n.Text(), -1) {
		v.variables = append(v.variables, m[1])
		if strings.HasPrefix(m[0], "${env:") || soundsSecret(m[1]) {
			v.secretVariables = append(v.secretVariables, m[1])
		}
	}
	var plain any
	if problems := n.Decode(&plain); len(problems) > 0 {
		return problems
	}
	text, ok := plain.(string)
	if !ok {
		v.kind, v.lit = literalValue, plain
		return nil
	}
	v.kind = textValue
	var err error
	v.text, err = parseTemplate(text)
	return placed(n, err)
}

// placed turns what is wrong with a node's text into a problem at its place.
func placed(n strict.Node, err error) []strict.Problem {
	var name *nameError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &name):
		return []strict.Problem{n.Problem(name.message, name.hint)}
	default:
		return []strict.Problem{n.Problem(err.Error(), "")}
	}
}

func (v value) isSet() bool { return v.kind != absentValue }

// onlyName is the name in a value that is nothing but one placeholder.
func (v value) onlyName() (string, bool) {
	if v.kind != textValue || len(v.text.parts) != 1 || v.text.parts[0].expr == nil || v.text.parts[0].expr.kind != refExpr {
		return "", false
	}
	return v.text.parts[0].expr.name, true
}

// absent reports whether the value is nothing but a placeholder that has no value yet, as the cursor of a first page has
// none. What is absent is left out of a request.
func (v value) absent(s scope) bool {
	if v.kind != textValue || len(v.text.parts) != 1 || v.text.parts[0].expr == nil {
		return false
	}
	x, err := v.text.parts[0].expr.eval(s)
	return err == nil && x == nil
}

// plain is the value as text. Objects and arrays are JSON.
func (v value) plain(s scope) (string, error) {
	x, err := v.eval(s)
	if err != nil {
		return "", err
	}
	return plainText(x), nil
}

func (v value) eval(s scope) (any, error) {
	switch v.kind {
	case textValue:
		return v.text.eval(s)
	case literalValue, absentValue:
		return v.lit, nil
	default:
		raw, err := v.appendJSON(nil, s)
		return json.Number(raw), err
	}
}

// appendJSON appends the value as JSON, keys in the order in which they are written.
func (v value) appendJSON(dst []byte, s scope) ([]byte, error) {
	switch v.kind {
	case objectValue:
		return v.appendObject(dst, s)
	case arrayValue:
		dst = append(dst, '[')
		for i, item := range v.items {
			if i > 0 {
				dst = append(dst, ',')
			}
			var err error
			if dst, err = item.appendJSON(dst, s); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	default:
		x, err := v.eval(s)
		if err != nil {
			return nil, err
		}
		return appendValue(dst, x), nil
	}
}

func (v value) appendObject(dst []byte, s scope) ([]byte, error) {
	dst = append(dst, '{')
	first := len(dst)
	for _, f := range v.fields {
		if f.Value.absent(s) {
			continue
		}
		if len(dst) > first {
			dst = append(dst, ',')
		}
		dst = append(appendValue(dst, f.Key), ':')
		var err error
		if dst, err = f.Value.appendJSON(dst, s); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

// walk calls visit for every expression in the value, with the place of the text that holds it.
func (v value) walk(visit func(*expr, strict.Pos)) {
	v.text.walk(func(e *expr) { visit(e, v.Pos) })
	for _, item := range v.items {
		item.walk(visit)
	}
	for _, f := range v.fields {
		f.Value.walk(visit)
	}
}
