package strict

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// decoder fills Go values and collects what is wrong.
type decoder struct {
	*document
	problems []Problem
}

var (
	durationType    = reflect.TypeFor[time.Duration]()
	unmarshalerType = reflect.TypeFor[Unmarshaler]()
)

func (d *decoder) decodeRoot(root ast.Node, into any) {
	d.decodeInto(Node{doc: d.document, node: d.resolve(root)}, into)
}

func (d *decoder) decodeInto(n Node, into any) {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		panic(fmt.Sprintf("strict: decode into %T, want a pointer", into))
	}
	d.value(n, v.Elem())
}

func (d *decoder) fail(p Problem) { d.problems = append(d.problems, p) }

// value reads n into v.
func (d *decoder) value(n Node, v reflect.Value) {
	d.values--
	switch {
	case d.values < 0:
		if d.values == -1 {
			d.fail(n.Problem(fmt.Sprintf("aliases make more than %d values", maxValues), "write fewer of them"))
		}
		return
	case n.depth > maxDepth:
		d.fail(n.Problem(tooDeep, ""))
		return
	}
	if tag, ok := n.node.(*ast.TagNode); ok {
		d.fail(n.Problem(fmt.Sprintf("the tag %s is not used here", tag.GetToken().Value), "remove it; put quotes around a value that is text"))
		return
	}
	if v.Addr().Type().Implements(unmarshalerType) {
		d.problems = append(d.problems, v.Addr().Interface().(Unmarshaler).UnmarshalNode(n)...)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		d.pointer(n, v)
	case reflect.Struct:
		d.structure(n, v)
	case reflect.Map:
		d.mapping(n, v)
	case reflect.Slice:
		d.slice(n, v)
	case reflect.Interface:
		d.anything(n, v)
	default:
		d.scalar(n, v)
	}
}

func (d *decoder) pointer(n Node, v reflect.Value) {
	if n.Kind() == Null {
		return
	}
	if v.IsNil() {
		v.Set(reflect.New(v.Type().Elem()))
	}
	d.value(n, v.Elem())
}

// slice reads a list; a value that is no list stands for a list of one.
func (d *decoder) slice(n Node, v reflect.Value) {
	if n.Kind() == Null {
		d.fail(n.Problem(n.label()+" has no value", "write [] for none"))
		return
	}
	sequence, ok := n.node.(*ast.SequenceNode)
	if !ok {
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		d.value(n, v.Index(0))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(sequence.Values), len(sequence.Values)))
	for i, item := range sequence.Values {
		d.value(n.item(item), v.Index(i))
	}
}

func (d *decoder) mapping(n Node, v reflect.Value) {
	entries, ok := d.entries(n)
	if !ok {
		return
	}
	t := v.Type()
	if v.IsNil() {
		v.Set(reflect.MakeMapWithSize(t, len(entries)))
	}
	for _, e := range entries {
		elem := reflect.New(t.Elem()).Elem()
		e.Value.enum = n.enum
		d.value(e.Value, elem)
		v.SetMapIndex(reflect.ValueOf(e.Key).Convert(t.Key()), elem)
	}
}

// entries reports false when there is nothing to read: no mapping, or nothing at all, which is an empty mapping.
func (d *decoder) entries(n Node) ([]Entry[Node], bool) {
	switch n.Kind() {
	case Null:
		return nil, false
	case Mapping:
		entries, problems := n.Entries()
		d.problems = append(d.problems, problems...)
		return entries, true
	default:
		d.fail(n.wrong("a mapping"))
		return nil, false
	}
}

// anything reads a value of whatever type: map[string]any, []any, string, bool, int64, json.Number, nil.
func (d *decoder) anything(n Node, v reflect.Value) {
	switch n.Kind() {
	case Null:
		v.SetZero()
	case Mapping:
		m := map[string]any{}
		d.mapping(n, reflect.ValueOf(&m).Elem())
		v.Set(reflect.ValueOf(m))
	case Sequence:
		list := []any{}
		d.slice(n, reflect.ValueOf(&list).Elem())
		v.Set(reflect.ValueOf(list))
	default:
		if text, ok := d.text(n); ok {
			v.Set(reflect.ValueOf(plainValue(n, text)))
		}
	}
}

// plainValue gives an unquoted number or bool its type. Numbers with a fraction keep their digits.
func plainValue(n Node, text string) any {
	switch n.node.(type) {
	case *ast.BoolNode:
		return strings.EqualFold(text, "true")
	case *ast.IntegerNode, *ast.FloatNode:
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			return i
		}
		if json.Valid([]byte(text)) {
			return json.Number(text)
		}
	}
	return text
}

// scalar reads a single value.
func (d *decoder) scalar(n Node, v reflect.Value) {
	if n.Kind() == Null {
		d.fail(n.Problem(n.label()+" has no value", "give it one, or remove the key"))
		return
	}
	if n.Kind() != Scalar {
		d.fail(n.wrong(wanted(v.Type())))
		return
	}
	text, ok := d.text(n)
	if !ok {
		return
	}
	if len(n.enum) > 0 && !slices.Contains(n.enum, text) {
		d.fail(n.Problem(fmt.Sprintf("%s cannot be %q", n.label(), n.Text()), Suggest(text, n.enum, "one of ")))
		return
	}
	if err := setScalar(v, text); err != nil {
		d.fail(n.wrong(wanted(v.Type())))
	}
}

// text is a scalar's text with ${NAME} filled in.
func (d *decoder) text(n Node) (string, bool) {
	text := n.Text()
	if d.Env == nil {
		return text, true
	}
	filled, err := Interpolate(text, d.Env)
	if err != nil {
		d.fail(n.Problem(err.Error(), "set it in the environment or in .env, or write ${NAME:-default}"))
		return "", false
	}
	return filled, true
}

func setScalar(v reflect.Value, text string) error {
	if v.Type() == durationType {
		fixed, err := ParseFixed(text)
		if err != nil {
			return err
		}
		v.SetInt(int64(fixed))
		return nil
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		if text != "true" && text != "false" {
			return strconv.ErrSyntax
		}
		v.SetBool(text == "true")
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		i, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if err != nil {
			return err
		}
		v.SetInt(i)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		u, err := strconv.ParseUint(text, 10, v.Type().Bits())
		if err != nil {
			return err
		}
		v.SetUint(u)
	case reflect.Float32, reflect.Float64:
		f, err := strconv.ParseFloat(text, v.Type().Bits())
		if err != nil {
			return err
		}
		if math.IsNaN(f) || math.IsInf(f, 0) { // no limit could be compared with it
			return strconv.ErrSyntax
		}
		v.SetFloat(f)
	default:
		panic(fmt.Sprintf("strict: no way to decode into %s", v.Type()))
	}
	return nil
}

// wanted says in words what a Go type takes.
func wanted(t reflect.Type) string {
	if t == durationType {
		return "a length of time such as PT5M or P1D"
	}
	switch t.Kind() {
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return "a number"
	default:
		return "a whole number"
	}
}

// wrong is the problem of a value that has another shape than it should. It shows the value as written in the file,
// never what the environment gave for it, which may be a secret.
func (n Node) wrong(want string) Problem {
	got := string(n.Kind())
	if n.Kind() == Scalar {
		got = fmt.Sprintf("%q", n.Text())
	}
	return n.Problem(fmt.Sprintf("%s wants %s, got %s", n.label(), want, got), n.castHint())
}

// castHint is for SQL casts between braces, such as {changed: {orders: [paid_at::date]}}: the parser takes paid_at for a key
// there, although YAML does not.
func (n Node) castHint() string {
	if n.Kind() != Mapping {
		return ""
	}
	entries, problems := n.Entries()
	if len(problems) > 0 || len(entries) != 1 || entries[0].Value.Kind() != Scalar || !strings.HasPrefix(entries[0].Value.Text(), ":") {
		return ""
	}
	return fmt.Sprintf("between braces, what has a colon in it is written in quotes: \"%s:%s\"", entries[0].Key, entries[0].Value.Text())
}
