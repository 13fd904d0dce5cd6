package model

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Fingerprint identifies what a model would build: its SQL without comments and white space, what its header says of
// content and form, and the values of the variables that it reads. Descriptions, owner, tags, meta, timeout and
// whether it is enabled are no part of it. It parses the SQL, so that it is not for models by the thousand where
// FileHash already says that nothing changed.
func Fingerprint(m *Model, vars map[string]string) (string, error) {
	h := sha256.New()
	words, err := tokenTexts(m.SQL)
	if err != nil {
		return "", fmt.Errorf("fingerprint %s: %w", m.Name, err)
	}
	for _, word := range words {
		writePart(h, word)
	}
	header, err := json.Marshal(content(m.Header))
	if err != nil {
		return "", fmt.Errorf("fingerprint %s: %w", m.Name, err)
	}
	writePart(h, string(header))
	for _, name := range usedVars(m, vars) {
		value, set := vars[name]
		writePart(h, fmt.Sprintf("%s=%t=%s", name, set, value))
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// writePart writes the length first, so that no two lists of parts read alike.
func writePart(w io.Writer, part string) { fmt.Fprintf(w, "%d:%s", len(part), part) }

// usedVars are the names of the variables that the model reads, all of them where one is computed.
func usedVars(m *Model, vars map[string]string) []string {
	var names []string
	add := func(sql string, analyse func(string) (*analysis, error)) {
		if !strings.Contains(strings.ToLower(sql), "terrace") {
			return
		}
		a, err := analyse(sql)
		if err != nil {
			names = append(names, anyVar) // newer syntax than the parser's: it may read any
			return
		}
		names = append(names, a.vars...)
	}
	add(m.SQL, analyse)
	for _, e := range m.Header.expressions() {
		add(e.sql, analyseExpression)
	}
	if slices.Contains(names, anyVar) {
		names = slices.AppendSeq(names, maps.Keys(vars))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// ReadsVar reports whether the model's own SQL, or its header, reads a variable, so that another value makes it another model.
func (m *Model) ReadsVar(name string) bool {
	return slices.Contains(usedVars(m, map[string]string{name: ""}), name)
}

// content is a header without what has no bearing on the relation and without places. Its fields are encoded as JSON,
// whose keys are sorted.
func content(h Header) Header {
	h.DependsOn = slices.Clone(h.DependsOn)
	for i, r := range h.DependsOn {
		h.DependsOn[i] = Ref{Name: r.Name}
	}
	slices.SortFunc(h.DependsOn, func(a, b Ref) int { return strings.Compare(a.Name, b.Name) })
	h.Columns = slices.Clone(h.Columns)
	for i := range h.Columns {
		h.Columns[i].Description, h.Columns[i].Line = "", 0
	}
	h.Rejects = slices.Clone(h.Rejects)
	for i := range h.Rejects {
		h.Rejects[i].Line = 0
	}
	h.Assert = slices.Clone(h.Assert)
	for i := range h.Assert {
		h.Assert[i].Line = 0
	}
	h.Owner, h.Description, h.Tags, h.Meta, h.Dashboard, h.Timeout, h.Disabled = "", "", nil, nil, nil, 0, false
	return h
}
