package model_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag/model"
)

// fixed loads a project with the text as model s.m, beside models s.a, s.b and s.c, and fixes it twice.
func fixed(t *testing.T, text string) (string, bool) {
	t.Helper()
	files := fstest.MapFS{"terrace.yml": {Data: []byte("name: p\n")}, "models/s/m.sql": {Data: []byte(text)}}
	for _, name := range []string{"a", "b", "c"} {
		files["models/s/"+name+".sql"] = &fstest.MapFile{Data: []byte("-- depends_on: []\nselect 1 as n\n")}
	}
	fix := func() (string, bool) {
		p, _ := model.Load(files, model.Options{})
		for _, m := range p.Models {
			if m.Name == "s.m" {
				out, changed := p.Fix(m, files["models/s/m.sql"].Data)
				return string(out), changed
			}
		}
		require.Fail(t, "no model s.m")
		return "", false
	}
	out, changed := fix()
	if changed {
		files["models/s/m.sql"] = &fstest.MapFile{Data: []byte(out)}
		_, again := fix()
		require.False(t, again, "a fixed header needs no fix:\n%s", out)
	}
	return out, changed
}

func TestFix_changesDependsOnAndNothingElse(t *testing.T) {
	t.Parallel()
	const reads = "select a.n from s.a as a join s.b as b on b.n = a.n\n"
	for name, c := range map[string]struct{ before, after string }{
		"a flow list grows":              {"-- kind: view # x\n-- depends_on: [ s.a ]  # why\n-- tags: [t]\n", "-- kind: view # x\n-- depends_on: [ s.a, s.b ]  # why\n-- tags: [t]\n"},
		"an empty flow list":             {"-- depends_on: []\n", "-- depends_on: [s.a, s.b]\n"},
		"a flow list loses its first":    {"-- depends_on: [s.c,  s.a, \"s.b\"]\n", "-- depends_on: [s.a, \"s.b\"]\n"},
		"a flow list loses its last":     {"-- depends_on: [s.b, s.a , s.c]\n", "-- depends_on: [s.b, s.a ]\n"},
		"a flow list is exchanged":       {"-- depends_on: [s.c]\n", "-- depends_on: [s.a, s.b]\n"},
		"a flow list of lines":           {"-- depends_on: [\n--   s.c,\n--   s.a,  # first\n-- ]\n", "-- depends_on: [\n--   s.a,\n--   s.b,  # first\n-- ]\n"},
		"a block list grows":             {"-- depends_on:\n--   - s.a # one\n--   # two\n-- owner: me\n", "-- depends_on:\n--   - s.a # one\n--   - s.b\n--   # two\n-- owner: me\n"},
		"a block list loses one":         {"-- depends_on:\n-- - s.c\n-- # about a\n-- - s.a\n-- - s.b\n", "-- depends_on:\n-- # about a\n-- - s.a\n-- - s.b\n"},
		"a block list is exchanged":      {"-- depends_on:\n--     - s.c\n", "-- depends_on:\n--     - s.a\n--     - s.b\n"},
		"a single name":                  {"-- depends_on: s.b  # x\n", "-- depends_on: [s.b, s.a]  # x\n"},
		"line ends of Windows":           {"-- depends_on:\r\n--   - s.a\r\n", "-- depends_on:\r\n--   - s.a\r\n--   - s.b\r\n"},
		"a header without it":            {"-- kind: table\n-- columns:\n--   n: {type: integer}\n", "-- kind: table\n-- columns:\n--   n: {type: integer}\n-- depends_on: [s.a, s.b]\n"},
		"a header of Windows without it": {"\xef\xbb\xbf-- kind: table\r\n", "\xef\xbb\xbf-- kind: table\r\n-- depends_on: [s.a, s.b]\r\n"},
		"no header":                      {"", "-- depends_on: [s.a, s.b]\n"},
		"no header but a mark":           {"\xef\xbb\xbf", "\xef\xbb\xbf-- depends_on: [s.a, s.b]\n"},
		"no header above a comment":      {"\n-- what it is\n", "-- depends_on: [s.a, s.b]\n\n-- what it is\n"},
		"a name that nobody knows stays": {"-- depends_on: [s.x, s.a, s.b, s.c]\n", "-- depends_on: [s.x, s.a, s.b]\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, changed := fixed(t, c.before+reads)
			require.True(t, changed)
			require.Equal(t, c.after+reads, out)
		})
	}
}

func TestFix_leavesWhatTheSQLMayNeedWithoutReadingIt(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"-- depends_on: [s.a, s.c]\nselect tools.latest(a.n) as n from s.a as a\n",
		"-- kind: sql\n-- target: s.t\n-- depends_on: [s.c]\ncall tools.fill()\n",
		"-- kind: table\n-- key: [n]\n-- distribute: {by: n, colocate: s.c}\n-- depends_on: [s.a, s.c]\nselect a.n from s.a as a\n",
	} {
		_, changed := fixed(t, text)
		require.False(t, changed, text)
	}
	out, changed := fixed(t, "-- depends_on: [s.c]\nselect tools.latest(a.n) as n from s.a as a\n")
	require.True(t, changed)
	require.Equal(t, "-- depends_on: [s.c, s.a]\nselect tools.latest(a.n) as n from s.a as a\n", out)
}

func TestFix_emptiesAList(t *testing.T) {
	t.Parallel()
	for before, after := range map[string]string{
		"-- depends_on: [s.a, s.b]\n":              "-- depends_on: []\n",
		"-- depends_on: # none\n--   - s.a\n":      "-- depends_on: [] # none\n",
		"-- depends_on:\n--   - s.a\n--   - s.b\n": "-- depends_on: []\n",
		"-- depends_on: s.a\n":                     "-- depends_on: []\n",
	} {
		out, changed := fixed(t, before+"select 1 as n\n")
		require.True(t, changed)
		require.Equal(t, after+"select 1 as n\n", out)
	}
}

func TestFix_leavesAloneWhatItCannotChangeAlone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"-- depends_on: [s.a]\nselect n from s.a\n",                      // right already
		"-- depends_on: [s.a]\nselect n from from s.a\n",                 // no SQL
		"-- {kind: view}\nselect n from s.a\n",                           // nowhere to write it
		"\n-- depends_on: []\nselect n from s.a\n",                       // written too low
		"-- what it is\nselect n from s.a\n",                             // no mapping
		"-- meta: {x: &d [s.c]}\n-- depends_on: *d\nselect n from s.a\n", // written elsewhere
	} {
		out, changed := fixed(t, text)
		require.False(t, changed, text)
		require.Equal(t, text, out)
	}
}

func TestFix_writesAnEmptyListWhereNothingIsRead(t *testing.T) {
	t.Parallel()
	out, changed := fixed(t, "select 1 as n\n")
	require.True(t, changed)
	require.Equal(t, "-- depends_on: []\nselect 1 as n\n", out)
}

func TestFix_keepsTheBodyByteForByte(t *testing.T) {
	t.Parallel()
	body := "\n\n/* -- depends_on: [] */ select 'ü' as n  \nfrom s.a;  \n-- depends_on\n\n"
	out, changed := fixed(t, "-- depends_on: []\n"+body)
	require.True(t, changed)
	require.True(t, strings.HasSuffix(out, body))
}
