package strict

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
)

// field is one key that a struct reads.
type field struct {
	name     string
	index    []int
	required bool
	enum     []string
}

// known remembers fieldsOf by type. It is a memo, not state: a project has thousands of headers and one type of them.
var known sync.Map

// fieldsOf lists the keys of a struct, those of embedded structs among them.
func fieldsOf(t reflect.Type) []field {
	if fields, ok := known.Load(t); ok {
		return fields.([]field)
	}
	fields := readFields(t)
	known.Store(t, fields)
	return fields
}

func readFields(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		tag, tagged := f.Tag.Lookup("yaml")
		switch {
		case f.Anonymous && !tagged && f.Type.Kind() == reflect.Struct:
			for _, inner := range readFields(f.Type) {
				inner.index = append([]int{i}, inner.index...)
				fields = append(fields, inner)
			}
		case tagged && tag != "-":
			name, options, _ := strings.Cut(tag, ",")
			out := field{name: name, index: f.Index, required: options == "required"}
			if enum := f.Tag.Get("enum"); enum != "" {
				out.enum = strings.Split(enum, ",")
			}
			fields = append(fields, out)
		}
	}
	return fields
}

func (d *decoder) structure(n Node, v reflect.Value) {
	entries, isMapping := d.entries(n)
	if !isMapping && n.Kind() != Null {
		return
	}
	fields := fieldsOf(v.Type())
	seen := make(map[string]bool, len(entries))
	for _, e := range entries {
		seen[e.Key] = true
		f, ok := find(fields, e.Key)
		if !ok {
			d.fail(d.problem(e.Pos, fmt.Sprintf("unknown key %q", e.Key), Suggest(e.Key, names(fields), "legal here: ")))
			seen[Nearest(e.Key, names(fields))] = true // one that was meant is not missing as well
			continue
		}
		if f.required && e.Value.Kind() == Null {
			d.fail(d.problem(e.Pos, fmt.Sprintf("%q has no value", e.Key), requiredHint(v.FieldByIndex(f.index))))
			continue
		}
		e.Value.enum = f.enum
		d.value(e.Value, v.FieldByIndex(f.index))
	}
	for _, f := range fields {
		if f.required && !seen[f.name] {
			d.fail(d.problem(d.placeOf(n), Missing(f.name), requiredHint(v.FieldByIndex(f.index))))
		}
	}
}

// Missing is the message of a required key that is not there.
func Missing(key string) string { return fmt.Sprintf("%q is missing", key) }

func requiredHint(v reflect.Value) string {
	if v.Kind() == reflect.Slice {
		return "it is required; write [] for none"
	}
	return "it is required"
}

func (d *decoder) placeOf(n Node) Pos {
	if n.node == nil {
		return d.start()
	}
	return n.Pos()
}

func find(fields []field, name string) (field, bool) {
	for _, f := range fields {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}

func names(fields []field) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.name
	}
	return out
}

// Keys lists the keys that a struct reads, in the order of its fields.
func Keys(structure any) []string { return names(fieldsOf(reflect.TypeOf(structure))) }
