package model

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

// UnitTest is one YAML file under tests/: rows for what a model reads, and the rows that it must then return.
type UnitTest struct {
	Name        string // the path below tests/, joined by dots
	File        string
	Model       *Model
	Line, Col   int // of the model's name
	Description string
	Vars        map[string]string
	// First is the run in an empty database, Then the one after it; nil when the test has none.
	First UnitRun
	Then  *UnitRun
}

// UnitRun is one run of a unit test.
type UnitRun struct {
	At time.Time // terrace.run_at()
	// Given are the contents of relations when the run starts. One that is not among them is as it was before, and
	// empty before the first run.
	Given  []Fixture
	Expect []FixtureRow
	Line   int // of the expected rows
}

// Fixture is the content of one relation.
type Fixture struct {
	Relation  string
	Line, Col int
	Rows      []FixtureRow
}

// FixtureRow is a row as it is written: columns and their values as JSON, in the order of the file. Columns that it
// leaves out are NULL.
type FixtureRow struct {
	Columns   []string
	Values    []json.RawMessage
	Line, Col int
}

// JSON is the row as one object.
func (r FixtureRow) JSON() []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, name := range r.Columns {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(encoded(name))
		b.WriteByte(':')
		b.Write(r.Values[i])
	}
	b.WriteByte('}')
	return b.Bytes()
}

// unitTestFile is the file as it is written. docs/MODELS.md explains its keys.
type unitTestFile struct {
	Model       strict.String              `yaml:"model,required"`
	Description string                     `yaml:"description"`
	Vars        map[string]string          `yaml:"vars"`
	RunAt       strict.String              `yaml:"run_at"`
	RunAtThen   strict.String              `yaml:"run_at_then"`
	Given       strict.Map[writtenRows]    `yaml:"given,required"`
	Expect      strict.Placed[writtenRows] `yaml:"expect,required"`
	GivenThen   strict.Map[writtenRows]    `yaml:"given_then"`
	ExpectThen  strict.Placed[writtenRows] `yaml:"expect_then"`
}

type writtenRows []strict.Placed[strict.Map[strict.Node]]

// The times of runs whose test names none: any will do that does not change from day to day.
var (
	firstRun  = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	secondRun = firstRun.AddDate(0, 0, 1)
)

// LoadUnitTests reads the unit tests of a loaded project, sorted by name, and the mistakes in them, sorted by place.
func LoadUnitTests(fsys fs.FS, p *Project) ([]*UnitTest, []Problem) {
	var files []string
	f := finder{fsys: fsys}
	f.walk(testsFolder, func(file string) {
		if path.Ext(file) == ".yml" {
			files = append(files, file)
		}
	})
	problems := f.problems
	var out []*UnitTest
	for _, file := range files {
		text, problem, ok := readText(fsys, file, maxFileBytes)
		if !ok {
			problems = append(problems, problem)
			continue
		}
		t, wrong := parseUnitTest(file, text, p)
		problems = append(problems, wrong...)
		if !strict.HasErrors(wrong) {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b *UnitTest) int { return strings.Compare(a.Name, b.Name) })
	return out, strict.Sort(problems)
}

func parseUnitTest(file string, text []byte, p *Project) (*UnitTest, []Problem) {
	var w unitTestFile
	r := unitReader{file: file, zone: p.location()}
	src := strict.Source{File: file, Text: text}
	if r.problems = withExamples(src.Decode(&w)); strict.HasErrors(r.problems) {
		return nil, r.problems
	}
	t := &UnitTest{
		Name: assertionName(file), File: file, Line: w.Model.Line, Col: w.Model.Col, Description: w.Description, Vars: w.Vars,
		First: UnitRun{At: r.time(w.RunAt, firstRun), Expect: r.rows(w.Expect.Value), Line: w.Expect.Line},
	}
	t.Model = r.model(p, w.Model)
	t.First.Given = r.fixtures(t.Model, w.Given)
	if len(w.GivenThen) > 0 || !w.ExpectThen.IsZero() {
		r.needs(w)
		t.Then = &UnitRun{
			At: r.time(w.RunAtThen, t.First.At.Add(secondRun.Sub(firstRun))), Given: r.fixtures(t.Model, w.GivenThen),
			Expect: r.rows(w.ExpectThen.Value), Line: w.ExpectThen.Line,
		}
		if !t.First.At.Before(t.Then.At) {
			r.fail(w.RunAtThen.Pos, "the second run is not after the first", "")
		}
	} else if !w.RunAtThen.IsZero() {
		r.fail(w.RunAtThen.Pos, "run_at_then means nothing without a second run", "add given_then and expect_then, or remove it")
	}
	return t, r.problems
}

// location is the project's time zone, in which times without one are read.
func (p *Project) location() *time.Location {
	zone, err := time.LoadLocation(p.Config.Timezone)
	if err != nil {
		return time.UTC // reading terrace.yml has told
	}
	return zone
}

type unitReader struct {
	file     string
	zone     *time.Location
	problems []Problem
}

func (r *unitReader) fail(at strict.Pos, message, hint string) {
	r.problems = append(r.problems, place{r.file, max(at.Line, 1), max(at.Col, 1)}.problem(message, hint))
}

// needs refuses half a second run.
func (r *unitReader) needs(w unitTestFile) {
	switch {
	case len(w.GivenThen) == 0:
		r.fail(w.ExpectThen.Pos, "expect_then needs given_then", "say what has changed before the second run")
	case w.ExpectThen.IsZero():
		r.fail(w.GivenThen[0].Pos, "given_then needs expect_then", "say what the second run makes of it")
	}
}

func (r *unitReader) time(written strict.String, otherwise time.Time) time.Time {
	if written.IsZero() {
		return otherwise
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, written.Value, r.zone); err == nil {
			return t
		}
	}
	r.fail(written.Pos, fmt.Sprintf("%q is no time", written.Value), "write 2026-01-31, or 2026-01-31 10:00:00, or with a zone 2026-01-31T10:00:00+08:00")
	return otherwise
}

// model finds the model that is tested. There is always one to go on with.
func (r *unitReader) model(p *Project, written strict.String) *Model {
	var names []string
	for _, m := range p.Models {
		if m.Name != written.Value {
			names = append(names, m.Name)
			continue
		}
		if m.Header.Kind == SQL {
			r.fail(written.Pos, fmt.Sprintf("%s is of kind sql: its statements write where they say", m.Name), "test what reads its target")
		}
		return m
	}
	r.fail(written.Pos, fmt.Sprintf("there is no model %s", written.Value), strict.Suggest(written.Value, names, "there are: "))
	return &Model{}
}

func (r *unitReader) fixtures(m *Model, written strict.Map[writtenRows]) []Fixture {
	var declared []string
	for _, ref := range m.Header.DependsOn {
		declared = append(declared, ref.Name)
	}
	var out []Fixture
	for _, w := range written {
		if m.Name != "" && !slices.Contains(declared, w.Key) {
			r.fail(w.Pos, fmt.Sprintf("%s does not read %s", m.Name, w.Key), strict.Suggest(w.Key, declared, "it reads "))
		}
		out = append(out, Fixture{Relation: w.Key, Line: w.Line, Col: w.Col, Rows: r.rows(w.Value)})
	}
	return out
}

func (r *unitReader) rows(written writtenRows) []FixtureRow {
	var out []FixtureRow
	for _, w := range written {
		row := FixtureRow{Line: w.Line, Col: w.Col}
		for _, entry := range w.Value {
			row.Columns = append(row.Columns, entry.Key)
			row.Values = append(row.Values, r.value(entry.Value))
		}
		out = append(out, row)
	}
	return out
}

// value is a YAML value as JSON. A plain number keeps its digits; what JSON would not take for one, such as 007, is text.
func (r *unitReader) value(n strict.Node) json.RawMessage {
	switch n.Kind() {
	case strict.Null:
		return json.RawMessage("null")
	case strict.Sequence:
		items := []json.RawMessage{}
		for item := range n.Items() {
			items = append(items, r.value(item))
		}
		return encoded(items)
	case strict.Mapping:
		entries, problems := n.Entries()
		r.problems = append(r.problems, problems...)
		row := FixtureRow{}
		for _, e := range entries {
			row.Columns = append(row.Columns, e.Key)
			row.Values = append(row.Values, r.value(e.Value))
		}
		return row.JSON()
	}
	var text string
	r.problems = append(r.problems, n.Decode(&text)...) // what has a tag is told, and not taken for its name
	if !n.Quoted() && json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	return encoded(text)
}

func encoded(value any) json.RawMessage {
	text, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("model: encode %v: %v", value, err)) // texts, and JSON that was made here
	}
	return text
}
