package model

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

// headerFile is the header as it is written. docs/MODELS.md explains every key with an example.
type headerFile struct {
	Kind           strict.String                  `yaml:"kind" enum:"view,table,incremental,scd2,materialized_view,sql"`
	DependsOn      []strict.String                `yaml:"depends_on,required"`
	Key            []strict.String                `yaml:"key"`
	Incremental    strict.Placed[incrementalFile] `yaml:"incremental"`
	SCD2           strict.Placed[scd2File]        `yaml:"scd2"`
	Window         strict.String                  `yaml:"window"`
	Columns        strict.Map[columnFile]         `yaml:"columns"`
	Rejects        strict.Map[rejectFile]         `yaml:"rejects"`
	Assert         []assertFile                   `yaml:"assert"`
	Indexes        strict.Placed[[]indexFile]     `yaml:"indexes"`
	PartitionBy    strict.Placed[partitionFile]   `yaml:"partition_by"`
	Grants         strict.Map[[]string]           `yaml:"grants"`
	Distribute     strict.Placed[distributeFile]  `yaml:"distribute"`
	OnSchemaChange strict.String                  `yaml:"on_schema_change" enum:"fail,append,sync"`
	Target         strict.String                  `yaml:"target"`
	Version        strict.Placed[int]             `yaml:"version"`
	Owner          string                         `yaml:"owner"`
	Tags           []strict.String                `yaml:"tags"`
	Description    string                         `yaml:"description"`
	Enabled        *bool                          `yaml:"enabled"`
	Timeout        time.Duration                  `yaml:"timeout"`
	Meta           map[string]any                 `yaml:"meta"`
	Dashboard      []figureFile                   `yaml:"dashboard"`
}

type incrementalFile struct {
	By      []strict.String      `yaml:"by"`
	Changed strict.Map[[]string] `yaml:"changed"`
}

type scd2File struct {
	ValidFrom strict.String   `yaml:"valid_from"`
	OnDelete  string          `yaml:"on_delete" enum:"keep,close,tombstone"`
	Track     []strict.String `yaml:"track"`
	Names     struct {
		ValidFrom strict.String `yaml:"valid_from"`
		ValidTo   strict.String `yaml:"valid_to"`
		IsCurrent strict.String `yaml:"is_current"`
	} `yaml:"names"`
}

type rejectFile struct {
	When    string          `yaml:"when,required"`
	Message string          `yaml:"message"`
	Field   []strict.String `yaml:"field"`
}

// UnmarshalNode reads a mapping, or the condition alone as the short form.
func (r *rejectFile) UnmarshalNode(n strict.Node) []Problem {
	if n.Kind() == strict.Scalar {
		return n.Decode(&r.When)
	}
	type plain rejectFile
	return n.Decode((*plain)(r))
}

type indexFile struct {
	at      strict.Pos
	Columns []string `yaml:"columns,required"`
	Include []string `yaml:"include"`
	Unique  bool     `yaml:"unique"`
	Where   string   `yaml:"where"`
	Method  string   `yaml:"method" enum:"btree,hash,gin,gist,spgist,brin"`
}

// UnmarshalNode reads a mapping, or a list of columns as the short form.
func (i *indexFile) UnmarshalNode(n strict.Node) []Problem {
	i.at = n.Pos()
	if n.Kind() != strict.Mapping {
		return n.Decode(&i.Columns)
	}
	type plain indexFile
	return n.Decode((*plain)(i))
}

// ParseHeader reads the header of a model file; file is the path that problems name. Whether what it names exists is
// not looked at: Load does that.
func ParseHeader(file string, src []byte) (Header, []Problem) {
	m, problems := parseModel(file, src)
	return m.Header, strict.Sort(problems)
}

// parseModel reads one model file.
func parseModel(file string, src []byte) (*Model, []Problem) {
	f, problems := openSQLFile(file, src, strict.Keys(headerFile{}))
	written := headerFile{}
	problems = append(problems, f.suggestReads(f.decode(&written))...)
	h := headerReader{file: file, written: &written}
	header := h.header()
	header.observes = header.Kind == SCD2 && header.Replays() && readsNoVersions(f.sql)
	if !strict.HasErrors(problems) { // rules about keys that could not be read would only repeat
		h.check(&header)
	}
	if f.sql == "" && !strict.HasErrors(problems) {
		h.fail(strict.Pos{Line: f.line, Col: 1}, "there is no SQL after the header", "write the select that makes the relation")
	}
	m := &Model{File: file, Header: header, SQL: f.sql, SQLLine: f.line, FileHash: f.hash}
	m.undeclared, m.places = header.DependsOn == nil && (written.DependsOn == nil || strict.HasErrors(problems)), h.places()
	return m, append(problems, h.problems...)
}

// readsNoVersions reports whether a query surely reads no stream's versions: it names none, and calls no function that may.
func readsNoVersions(sql string) bool {
	a, err := analyse(sql)
	return err == nil && len(a.calls) == 0 && !slices.ContainsFunc(a.reads, func(r Read) bool { return strings.HasSuffix(r.Name, VersionsSuffix) })
}

// suggestReads completes the problem of a header without depends_on by what there is to declare.
func (f *sqlFile) suggestReads(problems []Problem) []Problem {
	for i, p := range problems {
		if p.Message == strict.Missing("depends_on") {
			problems[i].Hint = "write in the header: " + f.readsLine("depends_on")
		}
	}
	return problems
}

// headerReader turns what is written into a Header.
type headerReader struct {
	file     string
	written  *headerFile
	problems []Problem
}

func (h *headerReader) fail(at strict.Pos, message, hint string) {
	h.problems = append(h.problems, place{h.file, max(at.Line, 1), max(at.Col, 1)}.problem(message, hint))
}

func (h *headerReader) header() Header {
	w := h.written
	header := Header{
		Kind:           Kind(w.Kind.Value),
		DependsOn:      refs(w.DependsOn),
		Key:            texts(w.Key),
		Window:         w.Window.Value,
		OnSchemaChange: SchemaChange(w.OnSchemaChange.Value),
		Target:         w.Target.Value,
		Version:        w.Version.Value,
		Owner:          w.Owner,
		Tags:           texts(w.Tags),
		Description:    w.Description,
		Disabled:       w.Enabled != nil && !*w.Enabled,
		Timeout:        w.Timeout,
		Meta:           w.Meta,
		Dashboard:      figures(w.Dashboard),
	}
	if header.Kind == "" {
		header.Kind = View
	}
	if header.OnSchemaChange == "" {
		header.OnSchemaChange = FailOnChange
	}
	for _, r := range w.Rejects {
		header.Rejects = append(header.Rejects, RejectRule{
			Name: r.Key, Condition: r.Value.When, Message: r.Value.Message, Fields: texts(r.Value.Field), Line: r.Line,
		})
	}
	for _, i := range w.Indexes.Value {
		header.Indexes = append(header.Indexes, Index{Columns: i.Columns, Include: i.Include, Unique: i.Unique, Where: i.Where, Method: i.Method})
	}
	if len(w.Grants) > 0 {
		header.Grants = map[string][]string{}
		for _, g := range w.Grants {
			header.Grants[g.Key] = g.Value
		}
	}
	if header.Kind == Incremental {
		header.Incremental = h.incremental(header.Key)
	}
	if header.Kind == SCD2 {
		header.SCD2 = scd2(w.SCD2.Value)
	}
	header.PartitionBy, header.Distribute = h.partition(), h.distribution()
	header.Columns = columns(w.Columns)
	header.Assert = h.asserts()
	return header
}

// places are those that the server has something to say about, by key and value.
func (h *headerReader) places() map[string]strict.Pos {
	w := h.written
	out := map[string]strict.Pos{}
	note := func(key, value string, at strict.Pos) {
		if at != (strict.Pos{}) {
			out[key+" "+value] = at
		}
	}
	list := func(key string, values []strict.String) {
		for _, v := range values {
			note(key, v.Value, v.Pos)
		}
		if len(values) > 0 {
			note(key, "", values[0].Pos)
		}
	}
	note("kind", "", w.Kind.Pos)
	list("depends_on", w.DependsOn)
	list("key", w.Key)
	note("window", "", w.Window.Pos)
	note("incremental", "", w.Incremental.Pos)
	list("incremental.by", w.Incremental.Value.By)
	for _, c := range w.Incremental.Value.Changed {
		note("incremental.changed", c.Key, c.Pos)
	}
	note("scd2", "", w.SCD2.Pos)
	note("scd2.valid_from", "", w.SCD2.Value.ValidFrom.Pos)
	list("scd2.track", w.SCD2.Value.Track)
	note("target", "", w.Target.Pos)
	note("partition_by", "", w.PartitionBy.Pos)
	note("indexes", "", w.Indexes.Pos)
	for i, index := range w.Indexes.Value {
		note("indexes", strconv.Itoa(i), index.at)
	}
	for _, g := range w.Grants {
		note("grants", g.Key, g.Pos)
	}
	return out
}

func (h *headerReader) incremental(key []string) *IncrementalSpec {
	w := h.written.Incremental.Value
	spec := &IncrementalSpec{By: texts(w.By)}
	if len(spec.By) == 0 {
		spec.By = slices.Clone(key)
	}
	for _, c := range w.Changed {
		if spec.Changed == nil {
			spec.Changed = map[string][]string{}
		}
		spec.Changed[c.Key] = c.Value
	}
	return spec
}

// scd2 fills in defaults. A query's own column named like the added one is that column: it has the effective time.
func scd2(w scd2File) *SCD2Spec {
	return &SCD2Spec{
		ValidFrom:     w.ValidFrom.Value,
		OnDelete:      OnDelete(or(w.OnDelete, string(Close))),
		Track:         texts(w.Track),
		FromColumn:    or(w.Names.ValidFrom.Value, "valid_from"),
		ToColumn:      or(w.Names.ValidTo.Value, "valid_to"),
		CurrentColumn: or(w.Names.IsCurrent.Value, "is_current"),
	}
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func refs(written []strict.String) []Ref {
	var out []Ref
	for _, w := range written {
		if w.Value == "" {
			continue // told of with its form, or as a name that is none
		}
		out = append(out, Ref{Name: w.Value, Node: w.Value, Line: w.Line, Col: w.Col})
	}
	return out
}

func texts(written []strict.String) []string {
	var out []string
	for _, w := range written {
		out = append(out, w.Value)
	}
	return out
}
