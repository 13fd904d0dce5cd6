package model_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag/model"
	"github.com/terrace-elt/terrace/dag/model/strict"
)

func TestLoad_readsAProject(t *testing.T) {
	t.Parallel()
	p, problems := load(t, map[string]string{
		"models/shop/ods/shop.yml":     "source: [broken, but not read here",
		"models/shop/ref/state.csv":    "code,name,rank\n1,open,1\n2,\"cl,osed\",\n",
		"models/shop/ref/state.yml":    "key: code\ncolumns: {code: bigint, name: {description: Label, unique: true}}\ntags: codes\ndescription: States.\n",
		"models/shop/dwd/dim.sql":      sql("kind: table\ndepends_on: [shop_ods.members__versions, shop_ref.state]\nrejects: {bad: id is null}", "select 1\n"),
		"models/shop/dwd/fill.sql":     sql("kind: sql\ntarget: shop_dwd.filled\ndepends_on: []", "select 1\n"),
		"models/shop/dws/sum.sql":      sql("depends_on: [shop_dwd.dim__rejects, shop_dwd.filled]", "\n\nselect 1;\n"),
		"models/shop/README.md":        "text",
		"models/shop/dwd/gen.go":       "package dwd",
		"models/shop/.hidden/x.sql":    "nothing",
		"models/shop/dwd/.x.sql":       "nothing",
		"tests/shop/money/adds_up.sql": sql("on: [shop_dwd.dim, shop_dwd.filled]\nseverity: warn\nerror_if: '> 10'\ndescription: Sums.\ntags: daily", "select 1;\n"),
		"tests/shop/unit.yml":          "model: x",
		"tests/shop/models_test.go":    "package x",
		"tests/testdata/x.sql":         "nothing",
	})
	require.Empty(t, problems)
	require.Equal(t, []string{"crm_ods.accounts", "shop_ods.members", "shop_ods.orders"}, []string{p.Streams[0].Name, p.Streams[1].Name, p.Streams[2].Name})

	require.Len(t, p.Models, 3)
	dim, sum := p.Models[0], p.Models[2]
	require.Equal(t, "shop_dwd.dim", dim.Name)
	require.Equal(t, "shop_dwd", dim.Schema)
	require.Equal(t, "dim", dim.Relation)
	require.Equal(t, "models/shop/dwd/dim.sql", dim.File)
	require.Equal(t, "select 1", dim.SQL)
	require.Equal(t, 4, dim.SQLLine)
	require.Len(t, dim.FileHash, 64)
	require.Equal(t, "shop_ods.members", dim.Header.DependsOn[0].Node)
	require.Equal(t, "shop_ref.state", dim.Header.DependsOn[1].Node)
	require.Equal(t, "shop_dwd.dim", sum.Header.DependsOn[0].Node)
	require.Equal(t, "shop_dwd.fill", sum.Header.DependsOn[1].Node, "what a script fills belongs to the script")
	require.Equal(t, 4, sum.SQLLine)

	seed := p.Seeds[0]
	require.Equal(t, "shop_ref.state", seed.Name)
	require.Equal(t, 2, seed.Rows)
	require.Equal(t, []string{"code"}, seed.Key)
	require.Equal(t, []string{"codes"}, seed.Tags)
	require.Equal(t, "States.", seed.Description)
	require.Equal(t, []model.Column{
		{Name: "code", Type: "bigint", Line: 2}, {Name: "name", Type: "text", Description: "Label", Unique: true, Line: 2}, {Name: "rank", Type: "text"},
	}, seed.Columns)
	require.Equal(t, []model.Inline{{Kind: model.Unique, Name: "unique_name", Severity: model.SeverityError, Columns: []string{"name"}, Line: 2}}, seed.Assert)

	require.Equal(t, []*model.Assertion{{
		Name: "shop.money.adds_up", File: "tests/shop/money/adds_up.sql", Severity: model.SeverityWarn, ErrorIf: "> 10", WarnIf: "> 0",
		On:          []model.Ref{{Name: "shop_dwd.dim", Node: "shop_dwd.dim", Line: 1, Col: 9}, {Name: "shop_dwd.filled", Node: "shop_dwd.fill", Line: 1, Col: 23}},
		Description: "Sums.", Tags: []string{"daily"}, SQL: "select 1", SQLLine: 6, FileHash: p.Assertions[0].FileHash,
	}}, p.Assertions)
}

func TestLoad_saysThatThereIsNoProject(t *testing.T) {
	t.Parallel()
	_, problems := model.Load(fstest.MapFS{"models/a/b.sql": {Data: []byte("select 1")}}, model.Options{})
	require.Equal(t, []string{"terrace.yml: there is no terrace.yml: no project here | make a project with: terrace init DIR, or name its folder with -C"}, lines(problems))
}

func TestLoad_takesSourcesOfAProjectWithoutDomains(t *testing.T) {
	t.Parallel()
	_, problems := load(t, map[string]string{"terrace.yml": "name: p\n", "models/ods/x.yml": "source: x\n"})
	require.Empty(t, problems, "extraction reads it")
}

func TestLoad_reportsEveryFileSortedByPlace(t *testing.T) {
	t.Parallel()
	_, problems := load(t, map[string]string{
		"terrace.yml":             "nmae: shop\nthreads: 0\ntimezone: Mars/Base\nenvironments: {prod: {threads: many}}\ncheck: {max_cost: -1, max_rows: many}\nschedules: {keep: 1h}\nruns: {keep: 2h}\n",
		"models/b/c/z.sql":        "select 1",
		"models/b/c/a.sql":        sql("kind: tabel\ndepends_on: []\nkey: {}", "select 1"),
		"models/b/c/s.csv":        "a,a,\n1,2\n1,2,3\n",
		"models/b/c/q.csv":        "a,b\n\"x,1\n",
		"models/b/c/r.csv":        "\r\na\n1\n\n\"2\n\n3\"\n\n",
		"models/b/c/semi.csv":     "code;name\n1;x,5\n",
		"models/b/c/tabs.csv":     "code\tname\n1\tx\n",
		"models/b/c/empty.csv":    "",
		"models/b/c/end.csv":      "a\n1\n\"x\n\\.\ny\"\n\\.\n\"\\.\"\n2\n",
		"models/b/c/latin.csv":    "a\n\xe9\n",
		"models/b/c/y.csv":        "code,name\n1,x\n",
		"models/b/c/y.yml":        "key: cod\ncolumns: {nam: text, name: {references: x}}\ntype: x\n",
		"models/b/c/alone.yml":    "key: a",
		"models/b/ods/x.yaml":     "source: x",
		"models/b/c/notes.txt":    "x",
		"tests/x.sql":             sql("on: [b_c.zz]\nerror_if: many\nseverity: fatal\ndepends_on: []", "select 1"),
		"tests/y.sql":             sql("on: []\nwarn_if: many", "select 1"),
		"tests/Bad Name/z.sql":    sql("on: b_c.a", ""),
		"tests/script/a.txtar":    "ignored",
		"models/b/c/deep/er.yaml": "x",
	})
	require.Equal(t, []string{
		`b/c/a.sql:1:10: "kind" cannot be "tabel" | did you mean "table"?`,
		`b/c/a.sql:3:9: "key" wants a text, got a mapping | write key: [site_id, business_date]`,
		`warning: b/c/alone.yml: is not read | sources belong into a folder ods; the description of a seed stands beside its CSV, and that of a model in its header`,
		`warning: b/c/deep/er.yaml: is not read | name it er.yml`,
		`b/c/empty.csv:1:1: the seed is empty | write the names of the columns in the first line`,
		`b/c/end.csv:6:1: a row that is \. alone ends the data for PostgreSQL, and the rows after it would be lost | write "\." in quotes`,
		`b/c/latin.csv:2:1: the file is not UTF-8 | save the file as UTF-8`,
		`warning: b/c/notes.txt: is not read | models are .sql, seeds .csv, sources .yml; move other files away`,
		"b/c/q.csv:2:6: extraneous or missing \" in quoted-field | a quote inside a quoted value is written twice",
		`b/c/r.csv:1:1: the line is empty | remove it; an empty text is written ""`,
		`b/c/r.csv:4:1: the line is empty | remove it; an empty text is written ""`,
		`b/c/r.csv:8:1: the line is empty | remove it; an empty text is written ""`,
		`b/c/s.csv:1:1: column 3 has no name | write it in the first line`,
		`b/c/s.csv:1:1: two columns are named "a" | rename one`,
		`b/c/s.csv:2:1: the row has another number of fields than the first line | put quotes around a value that has a comma in it`,
		`b/c/semi.csv:1:1: the first line is one column, "code;name": the values are parted by semicolons | part them by commas; a spreadsheet does when it saves as CSV UTF-8 (comma delimited)`,
		"b/c/tabs.csv:1:1: the first line is one column, \"code\\tname\": the values are parted by tabs | part them by commas; a spreadsheet does when it saves as CSV UTF-8 (comma delimited)",
		`b/c/y.yml:1:6: the CSV has no column "cod" | did you mean "code"?`,
		`b/c/y.yml:2:11: the CSV has no column "nam" | did you mean "name"?`,
		`b/c/y.yml:2:41: "x" is no column: write schema.relation.column`,
		`b/c/y.yml:3:1: unknown key "type" | legal here: columns, key, description, tags`,
		`b/c/z.sql:1:1: there is no header | begin the file with the relations that it reads: -- depends_on: []`,
		`warning: b/ods/x.yaml: is not read | name it x.yml`,
		`terrace.yml:1:1: unknown key "nmae" | did you mean "name"?`,
		`terrace.yml:2:10: threads must be between 1 and 256`,
		`terrace.yml:3:11: unknown time zone "Mars/Base" | name one of the IANA list, such as Asia/Shanghai`,
		`terrace.yml:4:32: "threads" wants a whole number, got "many"`,
		`terrace.yml:5:19: max_cost must be above 0 | leave it out for no limit`,
		`terrace.yml:5:33: "max_rows" wants a number, got "many"`,
		`terrace.yml:6:19: the history of schedules is kept for a day at least | write keep: P90D, or leave it out for 400 days`,
		`terrace.yml:7:14: runs are kept for a day at least | write keep: P90D, or leave it out for all of them`,
		`tests/Bad Name/z.sql: "Bad Name" cannot be part of an assertion's name | use lower-case letters, digits and _`,
		`tests/Bad Name/z.sql:2:1: there is no SQL after the header | write a select that returns the failing rows`,
		`tests/x.sql:1:9: on names b_c.zz, which is not in this project | did you mean "b_c.z"?`,
		`tests/x.sql:3:14: "severity" cannot be "fatal" | one of error, warn`,
		`tests/x.sql:4:4: unknown key "depends_on" | legal here: on, severity, error_if, warn_if, description, tags`,
		`tests/y.sql:1:1: on names no model | list the models that the query judges: on: [schema.model]`,
		`tests/y.sql:2:13: "many" is no condition on the number of failing rows | write "> 0", ">= 10", "!= 1"`,
	}, problems)
}

func TestLoad_appliesSettings(t *testing.T) {
	t.Parallel()
	fsys := project(map[string]string{"terrace.yml": `name: shop
database: ${DB:-postgres://localhost/shop}
timezone: Asia/Shanghai
vars: {rate: 1.10, since: 2024-01-01}
selectors: {nightly: "tag:daily,+shop_dws.*"}
alerts: {webhook: "${NOWHERE}", on: [failure]}
schedules: {keep: 90d}
runs: {keep: 800d}
environments:
  prod: {database: "${PROD_DB}", vars: {since: 2020-01-01}, threads: 8}
  dev:
`})
	config, problems := model.ReadConfig(fsys, model.Options{})
	require.Empty(t, problems, "what the environments that are not chosen need is not asked for")
	require.False(t, config.Alerts.IsZero(), "whoever sends them reads them")
	config.Alerts = strict.Node{}
	require.Equal(t, model.Config{
		Name: "shop", Database: "postgres://localhost/shop", Timezone: "Asia/Shanghai", Threads: 4, KeepHistory: 90 * 24 * time.Hour, KeepRuns: 800 * 24 * time.Hour,
		Vars:         map[string]string{"rate": "1.10", "since": "2024-01-01"},
		Selectors:    map[string]string{"nightly": "tag:daily,+shop_dws.*"},
		Environments: map[string]model.Environment{"prod": {Vars: map[string]string{"since": "2020-01-01"}, Threads: 8}, "dev": {Apart: true}},
	}, config)

	env := func(name string) (string, bool) { return "postgres://prod/shop", name == "PROD_DB" }
	config, problems = model.ReadConfig(fsys, model.Options{Environment: "prod", LookupEnv: env})
	require.Empty(t, problems)
	require.Equal(t, "postgres://prod/shop", config.Database)
	require.Equal(t, 8, config.Threads)
	require.Equal(t, map[string]string{"rate": "1.10", "since": "2020-01-01"}, config.Vars)

	_, problems = model.ReadConfig(fsys, model.Options{Environment: "prod"})
	require.Equal(t, []string{"terrace.yml:10:20: environment variable PROD_DB is not set | set it in the environment or in .env, or write ${NAME:-default}"}, lines(problems))
	_, problems = model.ReadConfig(fsys, model.Options{Environment: "prd"})
	require.Equal(t, []string{`terrace.yml:1:1: there is no environment "prd" | did you mean "prod"?`}, lines(problems))
}

func TestLoad_readsSeedsAlikeOnEverySystem(t *testing.T) {
	t.Parallel()
	unix, _ := load(t, map[string]string{"models/a/b/s.csv": "x,y\n1,2\n", "models/a/b/s.yml": "key: x\n"})
	windows, problems := load(t, map[string]string{"models/a/b/s.csv": "\ufeffx,y\r\n1,2\r\n", "models/a/b/s.yml": "key: x\r\n"})
	require.Empty(t, problems)
	require.Equal(t, unix.Seeds, windows.Seeds)
	other, _ := load(t, map[string]string{"models/a/b/s.csv": "x,y\n1,3\n", "models/a/b/s.yml": "key: x\n"})
	require.NotEqual(t, unix.Seeds[0].FileHash, other.Seeds[0].FileHash)
}

func TestLoad_followsLinksInsideTheProjectOnly(t *testing.T) {
	t.Parallel()
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "secret.sql")
	write := func(file, text string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	}
	write(outside, sql("depends_on: []", "select 'secret'"))
	write(filepath.Join(dir, "terrace.yml"), "name: shop\n")
	write(filepath.Join(dir, "models/a/b/real.sql"), sql("depends_on: []", "select 1"))
	for link, target := range map[string]string{
		"inside.sql": "real.sql", "twice.sql": "inside.sql", "absolute.sql": outside, "up.sql": "../../../../x.sql",
		"circle.sql": "circle.sql", "gone.sql": "nothing.sql", "folder": "../b", "away": filepath.Dir(outside), "through.sql": "away/secret.sql",
	} {
		require.NoError(t, os.Symlink(target, filepath.Join(dir, "models/a/b", link)))
	}
	p, problems := model.Load(os.DirFS(dir), model.Options{})
	require.Equal(t, []string{
		"warning: a/b/absolute.sql: is a link that is not followed: it leads out of the project | put a copy there, or link to a file of the project",
		"warning: a/b/away: is a link that is not followed: it leads out of the project | put a copy there, or link to a file of the project",
		"warning: a/b/circle.sql: is a link that is not followed: it leads in a circle | put a copy there, or link to a file of the project",
		"warning: a/b/folder: is a link to a folder and is not followed | put a folder there",
		"a/b/gone.sql: is a link to models/a/b/nothing.sql, which cannot be read | repair or remove it",
		"warning: a/b/through.sql: is a link that is not followed: it leads through another link in models/a/b/away | put a copy there, or link to a file of the project",
		"warning: a/b/up.sql: is a link that is not followed: it leads out of the project | put a copy there, or link to a file of the project",
	}, lines(problems))
	var names []string
	for _, m := range p.Models {
		names = append(names, m.Relation)
		require.Equal(t, "select 1", m.SQL)
	}
	require.Equal(t, []string{"inside", "real", "twice"}, names)
}

// unreadable is a file system one of whose files cannot be read.
type unreadable struct{ fstest.MapFS }

func (u unreadable) Open(name string) (fs.File, error) {
	if strings.HasSuffix(name, "/secret.sql") {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return u.MapFS.Open(name)
}

func TestLoad_reportsFilesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	_, problems := model.Load(unreadable{project(map[string]string{
		"models/a/b/secret.sql": "x",
		"models/a/b/huge.sql":   strings.Repeat(" ", 4<<20+1),
	})}, model.Options{})
	require.Equal(t, []string{
		"a/b/huge.sql: the file is larger than 4 MB | a query is shorter, and larger tables are streams of type files",
		"a/b/secret.sql: cannot be read: open models/a/b/secret.sql: permission denied | check that the file is readable",
	}, lines(problems))
}

func TestLoad_isTheSameEveryTime(t *testing.T) {
	t.Parallel()
	fsys := writeProject(t, 200)
	first, problems := model.Load(fsys, model.Options{})
	require.Empty(t, problems)
	again, _ := model.Load(fsys, model.Options{})
	require.Equal(t, first, again)
	require.Equal(t, first.CheckSQL(nil), again.CheckSQL(nil))
}

func TestLoad_tellsOnceThatAFileHasNoSQL(t *testing.T) {
	t.Parallel()
	p, problems := load(t, map[string]string{"models/shop/dwd/a.sql": "-- depends_on: []\n"})
	require.Equal(t, []string{"shop/dwd/a.sql:2:1: there is no SQL after the header | write the select that makes the relation"}, problems)
	require.Empty(t, p.CheckSQL(nil))
}
