package strict_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

type limits struct {
	Rate    int           `yaml:"rate"`
	Ratio   float64       `yaml:"ratio"`
	Timeout time.Duration `yaml:"timeout"`
}

type shared struct {
	Owner string `yaml:"owner"`
}

type settings struct {
	shared
	Name    string              `yaml:"name,required"`
	Kind    string              `yaml:"kind" enum:"view,table,incremental"`
	On      []string            `yaml:"on" enum:"insert,update"`
	Mode    strict.String       `yaml:"mode" enum:"fast,slow"`
	Tags    []string            `yaml:"tags"`
	Enabled bool                `yaml:"enabled"`
	Max     *int64              `yaml:"max"`
	Limits  limits              `yaml:"limits"`
	More    []limits            `yaml:"more"`
	Vars    map[string]string   `yaml:"vars"`
	Grants  map[string][]string `yaml:"grants"`
	Meta    any                 `yaml:"meta"`
	Step    strict.Duration     `yaml:"step"`
	Key     strict.String       `yaml:"key"`
	Columns strict.Map[string]  `yaml:"columns"`
	Rest    strict.Node         `yaml:"rest"`
}

// places gives problems as "line:col message | hint".
func places(problems []strict.Problem) []string {
	var out []string
	for _, p := range problems {
		text := strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Col) + " " + p.Message
		if p.Hint != "" {
			text += " | " + p.Hint
		}
		out = append(out, text)
	}
	return out
}

func TestDecode_refusesNumbersThatNothingComparesWith(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"NaN", "inf", "-Infinity", "1e999"} {
		var into limits
		problems := strict.Decode("f.yml", []byte("ratio: "+text+"\n"), &into)
		require.Equal(t, []string{`1:8 "ratio" wants a number, got "` + text + `"`}, places(problems))
	}
}

func TestDecode_readsEveryType(t *testing.T) {
	t.Parallel()
	text := `name: 2024-01-01
owner: 007
kind: table
on: insert
tags: [a, 1.10, true]
enabled: true
max: -3
limits: {rate: 5, ratio: 0.5, timeout: P1DT5M}
more:
  - rate: 1
  - {rate: 2}
vars: {a: 1_000, "b": 'x'}
grants: {select: [r, s], insert: w}
meta: {n: 1.10, i: 7, s: "7", t: true, l: [~, x]}
step: P1M
key: k
columns:
  z: int
  a: text
rest: {any: thing}
`
	got := settings{}
	require.Empty(t, strict.Decode("f.yml", []byte(text), &got))
	three := int64(-3)
	require.Equal(t, "2024-01-01", got.Name)
	require.Equal(t, "007", got.Owner)
	require.Equal(t, []string{"insert"}, got.On)
	require.Equal(t, []string{"a", "1.10", "true"}, got.Tags)
	require.True(t, got.Enabled)
	require.Equal(t, &three, got.Max)
	require.Equal(t, limits{Rate: 5, Ratio: 0.5, Timeout: 24*time.Hour + 5*time.Minute}, got.Limits)
	require.Equal(t, []limits{{Rate: 1}, {Rate: 2}}, got.More)
	require.Equal(t, map[string]string{"a": "1_000", "b": "x"}, got.Vars)
	require.Equal(t, map[string][]string{"select": {"r", "s"}, "insert": {"w"}}, got.Grants)
	require.Equal(t, map[string]any{"n": json.Number("1.10"), "i": int64(7), "s": "7", "t": true, "l": []any{nil, "x"}}, got.Meta)
	require.Equal(t, strict.Duration{Months: 1}, got.Step)
	require.Equal(t, strict.String{Value: "k", Pos: strict.Pos{Line: 16, Col: 6}}, got.Key)
	require.Equal(t, strict.Map[string]{
		{Key: "z", Pos: strict.Pos{Line: 18, Col: 3}, Value: "int"},
		{Key: "a", Pos: strict.Pos{Line: 19, Col: 3}, Value: "text"},
	}, got.Columns)

	var rest struct {
		Any string `yaml:"any"`
	}
	require.Equal(t, strict.Pos{Line: 20, Col: 7}, got.Rest.Pos())
	require.Empty(t, got.Rest.Decode(&rest))
	require.Equal(t, "thing", rest.Any)
}

func TestDecode_reportsEveryMistakeAtItsPlace(t *testing.T) {
	t.Parallel()
	text := `kid: view
kind: tabel
on: [insert, delete]
tags: [a]
tags: [b]
enabled: yes
max: four
limits: {rate: {}, ratio: x, timeout: 5x, zzz: 1}
more: [{rate: 1.5}, 3]
vars: [a]
grants: {select: {a: b}}
step: P
mode: fats
key: [1, 2]
columns: text
`
	var got settings
	require.Equal(t, []string{
		`1:1 "name" is missing | it is required`,
		`1:1 unknown key "kid" | did you mean "kind"?`,
		`2:7 "kind" cannot be "tabel" | did you mean "table"?`,
		`3:14 an item of "on" cannot be "delete" | one of insert, update`,
		`5:1 key "tags" is repeated | it is first on line 4; keep one of them`,
		`6:10 "enabled" wants true or false, got "yes"`,
		`7:6 "max" wants a whole number, got "four"`,
		`8:16 "rate" wants a whole number, got a mapping`,
		`8:27 "ratio" wants a number, got "x"`,
		`8:39 "timeout" wants a length of time such as PT5M or P1D, got "5x"`,
		`8:43 unknown key "zzz" | legal here: rate, ratio, timeout`,
		`9:15 "rate" wants a whole number, got "1.5"`,
		`9:21 an item of "more" wants a mapping, got "3"`,
		`10:7 "vars" wants a mapping, got a list`,
		`11:18 "select" wants a text, got a mapping`,
		`12:7 "step" wants a length of time such as PT5M or P1D, got "P"`,
		`13:7 "mode" cannot be "fats" | did you mean "fast"?`,
		`14:6 "key" wants a text, got a list`,
		`15:10 "columns" wants a mapping, got "text"`,
	}, places(strict.Decode("f.yml", []byte(text), &got)))
	require.Equal(t, []string{"a"}, got.Tags, "the first of a repeated key counts")
}

func TestDecode_refusesWhatIsNotYAML(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"tab":            {"name: x\n\tkind: y\n", "2:1 broken YAML: a tab stands where YAML wants spaces | indent with spaces"},
		"colon in value": {"name: a: b\n", `1:7 broken YAML: a value cannot stand here | indent keys of one mapping alike, and put quotes around a text that has ": " in it`},
		"open list":      {"name: [a\nkind: b\n", "2:1 broken YAML: ',' or ']' must be specified"},
		"open quote":     {"name: \"a\n", "1:7 broken YAML: could not find end character of double-quoted text"},
		"reserved":       {"name: @a\n", "1:7 broken YAML: '@' is a reserved character | put quotes around the text"},
		"two documents":  {"name: a\n---\nname: b\n", "3:1 there is more than one YAML document | remove the lines --- and %…; a file holds one mapping"},
		"NUL":            {"name: a\nkind: \x00", "2:7 the text has a NUL byte | save the file as UTF-8"},
		"Latin-1":        {"name: é \xe9", "1:9 the text is not UTF-8 | save the file as UTF-8"},
		"list":           {"- a\n", "1:1 the file wants a mapping, got a list"},
		"text":           {"hello\n", `1:1 the file wants a mapping, got "hello"`},
		"nothing":        {"", `1:1 "name" is missing | it is required`},
		"no name":        {"name:\n", `1:1 "name" has no value | it is required`},
		"no tags":        {"name: a\ntags:\n", `2:7 "tags" has no value | write [] for none`},
		"no kind":        {"name: a\nkind: ~\n", `2:7 "kind" has no value | give it one, or remove the key`},
		"tag":            {"name: !!str 5\n", "1:7 the tag !!str is not used here | remove it; put quotes around a value that is text"},
		"complex key":    {"name: a\n? a\n: c\n", "2:1 a key must be plain text | write it as name: value"},
		"no anchor":      {"name: *a\n", "1:7 alias *a names no anchor above it | mark the value that it repeats with &a"},
		"own anchor":     {"name: a\nmeta: &m [*m]\n", "2:11 alias *m names no anchor above it | mark the value that it repeats with &m"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got settings
			require.Equal(t, []string{c.want}, places(strict.Decode("f.yml", []byte(c.text), &got)))
		})
	}
}

func TestDecode_shiftsPlacesIntoTheFile(t *testing.T) {
	t.Parallel()
	var got settings
	src := strict.Source{File: "m.sql", Text: []byte("name: a\r\nkind: vieww\r\n"), Line: 3, Col: 3}
	problems := src.Decode(&got)
	require.Equal(t, []string{`4:10 "kind" cannot be "vieww" | did you mean "view"?`}, places(problems))
	require.Equal(t, "m.sql:4:10: \"kind\" cannot be \"vieww\"", problems[0].Error())
}

func TestDecode_countsColumnsInCharacters(t *testing.T) {
	t.Parallel()
	var got settings
	text := "\ufeffname: 中文\nlimits: {'é': 1}\nvars: {中文: é, n: [}\n"
	require.Equal(t, []string{`3:19 broken YAML: could not find '{' character corresponding to '}'`}, places(strict.Decode("f.yml", []byte(text), &got)))
	text = strings.ReplaceAll(text, "[", "{}")
	require.Equal(t, []string{
		`2:10 unknown key "é" | legal here: rate, ratio, timeout`,
		`3:18 "n" wants a text, got a mapping`,
	}, places(strict.Decode("f.yml", []byte(text), &got)))
}

func TestDecode_followsAnchorsAndMerges(t *testing.T) {
	t.Parallel()
	text := "name: a\nlimits: &l {rate: 1, ratio: 2}\nmore:\n  - *l\n  - <<: *l\n    ratio: 3\n"
	var got settings
	require.Empty(t, strict.Decode("f.yml", []byte(text), &got))
	require.Equal(t, []limits{{Rate: 1, Ratio: 2}, {Rate: 1, Ratio: 3}}, got.More)
}

func TestDecode_refusesBombs(t *testing.T) {
	t.Parallel()
	var bomb strings.Builder
	bomb.WriteString("name: a\nmeta:\n  l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 12; i++ {
		n, last := strconv.Itoa(i), "*l"+strconv.Itoa(i-1)
		bomb.WriteString("  l" + n + ": &l" + n + " [" + strings.Repeat(last+", ", 9) + last + "]\n")
	}
	for name, c := range map[string]struct{ text, want string }{
		"aliases":  {bomb.String(), "aliases make more than 200000 values"},
		"brackets": {"name: a\nmeta: " + strings.Repeat("[", 50_000), "values are nested more than 100 deep"},
		"dashes":   {strings.Repeat("- ", 50_000), "values are nested more than 100 deep"},
		"tokens":   {strings.Repeat("- a\n", 60_000), "the file has more than 100000 values and marks"},
		"bytes":    {strings.Repeat("#", 10<<20+1), "the file is larger than 10 MB"},
		"indents":  {"name: a\nmeta:\n" + staircase(150), "values are nested more than 100 deep"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got settings
			problems := strict.Decode("f.yml", []byte(c.text), &got)
			require.Len(t, problems, 1)
			require.Equal(t, c.want, problems[0].Message)
		})
	}
}

func staircase(steps int) string {
	var b strings.Builder
	for i := range steps {
		b.WriteString(strings.Repeat(" ", i+1) + "a:\n")
	}
	return b.String()
}

func TestDecode_fillsInTheEnvironmentWithoutShowingIt(t *testing.T) {
	t.Parallel()
	env := func(name string) (string, bool) {
		value, ok := map[string]string{"RATE": "7", "SECRET": "hunter2"}[name]
		return value, ok
	}
	text := "name: ${HOST:-localhost}:${RATE}\nlimits: {rate: \"${RATE}\", ratio: \"${SECRET}\"}\nowner: ${NOBODY}\nkind: ${SECRET}\ntags: ['${env:SECRET}', '${now(fmt)}']\n"
	var got settings
	problems := strict.Source{File: "f.yml", Text: []byte(text), Env: env}.Decode(&got)
	require.Equal(t, []string{
		`2:34 "ratio" wants a number, got "${SECRET}"`,
		`3:8 environment variable NOBODY is not set | set it in the environment or in .env, or write ${NAME:-default}`,
		`4:7 "kind" cannot be "${SECRET}" | one of view, table, incremental`,
	}, places(problems))
	require.Equal(t, "localhost:7", got.Name)
	require.Equal(t, 7, got.Limits.Rate)
	require.Equal(t, []string{"${env:SECRET}", "${now(fmt)}"}, got.Tags)
}

type point struct{ X, Y int }

func (p *point) UnmarshalNode(n strict.Node) []strict.Problem {
	var pair []int
	if problems := n.Decode(&pair); len(problems) > 0 {
		return problems
	}
	if len(pair) != 2 {
		return []strict.Problem{n.Problem("a point is [x, y]", "")}
	}
	p.X, p.Y = pair[0], pair[1]
	return nil
}

func TestDecode_letsTypesReadThemselves(t *testing.T) {
	t.Parallel()
	var got struct {
		Points []point `yaml:"points"`
	}
	problems := strict.Decode("f.yml", []byte("points:\n  - [1, 2]\n  - [1]\n  - [a, 2]\n"), &got)
	require.Equal(t, []string{
		`3:5 a point is [x, y]`,
		`4:6 an item of an item of "points" wants a whole number, got "a"`,
	}, places(problems))
	require.Equal(t, point{1, 2}, got.Points[0])
}

func TestDecode_keepsDefaultsOfAbsentKeys(t *testing.T) {
	t.Parallel()
	got := settings{Kind: "view", Limits: limits{Rate: 4, Ratio: 1}}
	require.Empty(t, strict.Decode("f.yml", []byte("name: a\nlimits: {ratio: 2}\nvars:\n"), &got))
	require.Equal(t, "view", got.Kind)
	require.Equal(t, limits{Rate: 4, Ratio: 2}, got.Limits)
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		"name: a\nlimits: &l {rate: 1}\nmore: [*l, {<<: *l}]\n", "- ? a\n  : b\n", "a: |+2\n   x\n", "a: >-\n\n\n b", "\"a\": 'b''c'\n", "{a: [b, {c: d}]}",
		"---\na: 1\n...\n", "%YAML 1.2\n---\n", "a: !!binary x", "a: # b\n  c", "? \n", "- - - a", "[[[", "a:\n\t- b", "<<: [*a]", "a: &b\n", "&a &b c", "*a : b", "!t {a: !u b}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var got settings
		var whatever any
		for _, p := range append(strict.Decode("f.yml", text, &got), strict.Decode("f.yml", text, &whatever)...) {
			require.Equal(t, "f.yml", p.File)
			require.NotEmpty(t, p.Message)
		}
	})
}

// The parser takes a cast between braces for a mapping; that is told with the way to write it.
func TestDecode_tellsHowACastIsWrittenBetweenBraces(t *testing.T) {
	t.Parallel()
	var into struct {
		Changed map[string][]string `yaml:"changed"`
	}
	problems := strict.Source{File: "m.sql", Text: []byte("changed: {a: [id, paid_at::date]}\n")}.Decode(&into)
	require.Len(t, problems, 1)
	require.Contains(t, problems[0].Hint, `"paid_at::date"`)
	for _, right := range []string{"changed: {a: [id, \"paid_at::date\"]}\n", "changed:\n  a: [id, paid_at::date]\n"} {
		require.Empty(t, strict.Source{File: "m.sql", Text: []byte(right)}.Decode(&into))
		require.Equal(t, []string{"id", "paid_at::date"}, into.Changed["a"])
	}
}
