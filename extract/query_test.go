package extract_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	pg_query "github.com/pganalyze/pg_query_go/v6"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/extract"
	"github.com/terrace-elt/terrace/ods"
	"github.com/terrace-elt/terrace/tests/pgtest"
)

// shop is a database that somebody else fills.
type shop struct {
	*testing.T
	db  *pgtest.DB
	env map[string]string
}

func newShop(t *testing.T, sql ...string) *shop {
	t.Helper()
	s := &shop{T: t, db: pgtest.NewEmpty(t)}
	// The role's settings are odd on purpose: what is landed must not depend on them.
	s.env = map[string]string{"SHOP_DB_URL": withQuery(t, s.db.URL, "options", "-c timezone=America/Caracas -c datestyle=SQL,DMY -c bytea_output=escape -c extra_float_digits=-10 -c intervalstyle=sql_standard")}
	s.exec(sql...)
	return s
}

func withQuery(t *testing.T, address, name, value string) string {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	return u.String()
}

func (s *shop) exec(statements ...string) {
	s.Helper()
	for _, sql := range statements {
		_, err := s.db.Pool.Exec(s.Context(), sql)
		require.NoError(s, err, sql)
	}
}

func shopYAML(stream string) string {
	return "source: shop_db\ntype: postgres\nurl: ${env:SHOP_DB_URL}\nlimits: {concurrency: 3, timeout: " + patience + "}\nstreams:\n" + stream
}

// everything has a column of each kind of value.
const everything = `create table public.everything (
    id bigint primary key, n numeric, money numeric(30, 10), f double precision, r real, at timestamptz, wall timestamp,
    day date, clock time, span interval, raw bytea, words text[], matrix bigint[], doc json, docb jsonb, flag boolean, who uuid,
    word text, stretch tstzrange, pair public.pair, "Weird ""Name""" text)`

// random gives an SQL value of a column, sometimes NULL, sometimes the odd one.
func random(g *rand.Rand, values ...string) string {
	if g.IntN(6) == 0 {
		return "null"
	}
	return values[g.IntN(len(values))]
}

func everythingRow(g *rand.Rand, id int) string {
	digits := fmt.Sprintf("%d%018d.%010d", 1+g.IntN(9), g.Int64N(1e18), g.IntN(1e10))
	columns := []string{
		fmt.Sprint(id),
		random(g, digits, "-"+digits, "'NaN'", "1e-300", "123e200", "1.10", "0.00"),
		random(g, digits, "0.1"),
		random(g, fmt.Sprint(g.NormFloat64()), "0.1", "'Infinity'", "'-0'", "1e308", "5e-324"),
		random(g, fmt.Sprint(g.Float32()), "'NaN'", "0.1"),
		random(g, fmt.Sprintf("to_timestamp(%d.%06d)", g.IntN(2e9), g.IntN(1e6)), "'infinity'", "'0044-03-15 12:00:00+00 BC'"),
		random(g, fmt.Sprintf("timestamp '2024-01-01' + interval '%d microsecond'", g.Int64N(1e15)), "'-infinity'"),
		random(g, fmt.Sprintf("date '1900-01-01' + %d", g.IntN(99999)), "'infinity'"),
		random(g, "'23:59:59.999999'", "'24:00'"),
		random(g, fmt.Sprintf("interval '%d month %d day %d microsecond'", g.IntN(99), g.IntN(99), g.IntN(1e9)), "'-1 day'"),
		random(g, fmt.Sprintf(`'\x%016x'`, g.Uint64()), `'\x'`, `'\x00ff5c'`),
		random(g, `array['a', null, 'b"c', '{}', '門店']`, "'{}'"),
		random(g, "'{{1,2},{3,9007199254740993}}'", "'{null}'"),
		random(g, `e'{"b":1,\n "a": 1.10, "c": [ ]}'`, "'null'", `'"\ud83d\ude00"'`, `'{"deep":{"n":90071992547409931234}}'`),
		random(g, `'{"n":1.10,"m":90071992547409931234.5}'`, "'[]'"),
		random(g, "true", "false"),
		random(g, fmt.Sprintf("'00000000-0000-0000-0000-%012x'", g.IntN(1<<40))),
		random(g, `e'quote " back \\ slash / tab \t line \n end'`, "'门店 😀'", "''", `'\u0041'`),
		random(g, "'[2024-01-01 00:00+00, 2024-02-01 00:00+00)'", "'empty'"),
		random(g, `row(1, 'x"y')::public.pair`, "row(null, null)::public.pair"),
		random(g, "'x'"),
	}
	return "(" + strings.Join(columns, ", ") + ")"
}

// The oracle is the server itself: what to_jsonb makes of a row, under settings like those of the reading, is what must have landed.
func TestQuery_landsWhatTheServerHas(t *testing.T) {
	t.Parallel()
	for seed := range seeds(t, 4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			g := rand.New(rand.NewPCG(seed, 7))
			s := newShop(t, "create type public.pair as (a int, b text)", everything)
			var rows []string
			for id := range 300 {
				rows = append(rows, everythingRow(g, id))
			}
			s.exec("insert into public.everything values " + strings.Join(rows, ",\n"))
			c := newCopy(t, s.env)
			source := load(t, shopYAML("  everything: {query: select * from everything, primary_key: [{path: $.id, type: bigint}]}\n"), s.env)
			require.NoError(t, c.read(source))
			settings := `set timezone = 'UTC'; set datestyle = 'ISO, YMD'; set intervalstyle = 'iso_8601'; set bytea_output = 'hex'; set extra_float_digits = 1`
			require.Equal(t,
				columnAfter(t, s.db.Pool, settings, `select to_jsonb(e.*)::text from public.everything as e order by id`),
				column(t, c.db, `select payload::text from crm_ods.everything order by id`))
			require.Equal(t, []string{"0"}, column(t, c.db, `select count(*)::text from terrace.reject`))
		})
	}
}

func columnAfter(t *testing.T, pool *pgxpool.Pool, settings, sql string) []string {
	t.Helper()
	conn, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	_, err = conn.Exec(t.Context(), settings)
	require.NoError(t, err)
	rows, err := conn.Query(t.Context(), sql)
	require.NoError(t, err)
	defer rows.Close()
	var out []string
	for rows.Next() {
		var text string
		require.NoError(t, rows.Scan(&text))
		out = append(out, text)
	}
	require.NoError(t, rows.Err())
	return out
}

const ordersYAML = `
  orders:
    query: |
      select id, status, amount, updated_at   -- what is new: not at ':start'
      from public.orders
      where updated_at >= :start and updated_at < :end::%[1]s
      order by updated_at
    primary_key: [{path: $.id, type: bigint}]
    version: $.updated_at
    slices: {start: "2026-01-17", step: P1D, timezone: %[2]s, lookback: PT1H}
    deletes: {sweep: {query: "select id from public.orders", max_share: 0.9}}
`

// A table whose rows come, change, and go while it is read: after the last reading, the warehouse has what the table has.
func TestQuery_convergesToTheTable(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string][2]string{"instants": {"timestamptz", "UTC"}, "wall clock": {"timestamp", "Asia/Shanghai"}} {
		for seed := range seeds(t, 3) {
			t.Run(fmt.Sprint(name, " ", seed), func(t *testing.T) {
				t.Parallel()
				g := rand.New(rand.NewPCG(seed, 11))
				s := newShop(t, "create table public.orders (id bigint primary key, status text, amount numeric(12, 2), updated_at "+kind[0]+")")
				c := newCopy(t, s.env)
				source := load(t, shopYAML(fmt.Sprintf(ordersYAML, kind[0], kind[1])), s.env)
				now := noon
				c.deps.Now = func() time.Time { return now }
				zone, err := time.LoadLocation(kind[1])
				require.NoError(t, err)
				written := func() string {
					at := now.Add(-time.Duration(g.Int64N(int64(50 * time.Minute)))).In(zone)
					return at.Format("'2006-01-02 15:04:05.000000-07:00'")
				}
				for round := range 6 {
					for range 40 {
						s.exec(fmt.Sprintf("insert into public.orders values (%d, 'new', %d.%02d, %s) on conflict do nothing", g.IntN(500), g.IntN(1000), g.IntN(100), written()))
					}
					at := written() // a change is later than what it changes
					s.exec(fmt.Sprintf("update public.orders set status = 's%d', updated_at = %s where id %% 7 = %d and updated_at < %s", round, at, g.IntN(7), at))
					s.exec(fmt.Sprintf("delete from public.orders where id %% 11 = %d", g.IntN(11)))
					now = now.Add(time.Duration(20+g.IntN(20)) * time.Minute)
					require.NoError(t, c.read(source))
				}
				now = now.Add(time.Hour)
				require.NoError(t, c.read(source))
				require.Equal(t,
					columnAfter(t, s.db.Pool, "set timezone = '"+kind[1]+"'", `select to_jsonb(o.*)::text from public.orders as o order by id`),
					column(t, c.db, `select payload::text from crm_ods.orders where _deleted_at is null order by id`))
			})
		}
	}
}

// However often the source's server throws us out, and whatever page a run dies at, all of it arrives.
func TestQuery_beginsAgainWhenTheServerBreaksOff(t *testing.T) {
	t.Parallel()
	s := newShop(t, `create table public.big as select i as id, repeat('x', 300) as filler from generate_series(1, 30000) as i`)
	c := newCopy(t, s.env)
	var lands atomic.Int64
	c.deps.Lander = hooked{c.store, func() {
		if n := lands.Add(1); n == 1 || n == 3 {
			s.exec(`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and query like 'fetch%'`)
		}
	}}
	source := load(t, shopYAML("  big: {query: table public.big, primary_key: [{path: $.id, type: bigint}]}\n"), s.env)
	require.NoError(t, c.store.Ensure(t.Context(), source.Streams[0].Landing))
	result, err := extract.NewReader(c.deps).Read(t.Context(), source.Streams[0], extract.Job{RunID: uuid.New()})
	require.NoError(t, err)
	require.EqualValues(t, 2, result.Retries)
	require.EqualValues(t, 30000, result.Inserted)
	require.Equal(t, []string{"30000"}, column(t, c.db, `select count(*)::text from crm_ods.big`))
	require.Eventually(t, func() bool { // the server takes note of the end a moment later
		return slices.Equal([]string{"0"}, columnAfter(t, s.db.Pool, "select 1", `select count(*)::text from pg_stat_activity where datname = current_database() and application_name = '' and pid <> pg_backend_pid() and query = 'rollback'`))
	}, 5*time.Minute, 10*time.Millisecond, "no connection is left")
}

// hooked calls before each page is landed.
type hooked struct {
	*ods.Store
	before func()
}

func (h hooked) Land(ctx context.Context, page ods.Page) (ods.Landed, error) {
	h.before()
	return h.Store.Land(ctx, page)
}

// limits.timeout is for the server's work: how long landing takes does not count.
func TestQuery_takesTheTimeThatLandingTakes(t *testing.T) {
	t.Parallel()
	s := newShop(t, `create table public.big as select i as id, repeat('x', 3000) as filler from generate_series(1, 12000) as i`)
	c := newCopy(t, s.env)
	takesLong := sync.OnceFunc(func() { time.Sleep(21 * time.Second) })
	c.deps.Lander = hooked{c.store, takesLong}
	yaml := strings.Replace(shopYAML("  big: {query: table public.big, primary_key: [{path: $.id, type: bigint}]}\n"), patience, "PT20S", 1) // which nothing else reaches, however busy the machine is
	require.NoError(t, c.read(load(t, yaml, s.env)))
	require.Equal(t, []string{"12000"}, column(t, c.db, `select count(*)::text from crm_ods.big`))
}

// One slice sees one state of the database, though rows change between its pages.
func TestQuery_seesOneStateInASlice(t *testing.T) {
	t.Parallel()
	s := newShop(t, `create table public.accounts as select i as id, 100 as balance, repeat('x', 2000) as filler from generate_series(1, 12000) as i`)
	c := newCopy(t, s.env)
	c.deps.Lander = hooked{c.store, func() {
		s.exec(`update public.accounts set balance = case when id = 1 then balance + 50 else balance - 50 end where id in (1, 12000)`)
	}}
	source := load(t, shopYAML("  accounts: {query: select * from public.accounts order by id, primary_key: [{path: $.id, type: bigint}]}\n"), s.env)
	require.NoError(t, c.read(source))
	require.Equal(t, []string{"1200000"}, column(t, c.db, `select sum((payload ->> 'balance')::bigint)::text from crm_ods.accounts`))
}

func TestQuery_isRefusedWithAReasonAndWithoutThePassword(t *testing.T) {
	t.Parallel()
	s := newShop(t, "create table public.t (id int, x int, updated_at timestamptz)", "create sequence public.counter")
	withPassword := func(change func(*url.URL)) string {
		u, err := url.Parse(s.db.URL)
		require.NoError(t, err)
		u.User = url.UserPassword(u.User.Username(), canary)
		change(u)
		return u.String()
	}
	for name, c := range map[string]struct {
		stream, address string
		kind            extract.ErrorKind
		want, hint      string
	}{
		"no relation":     {stream: "query: \"select *\\nfrom nowhere\"", kind: extract.Settings, want: `line 2: relation "nowhere" does not exist`},
		"no column":       {stream: "query: \"select id, x1 from public.t\"", kind: extract.Settings, want: `column "x1" does not exist`},
		"no key":          {stream: "query: select x as idd from public.t, primary_key: [$.id]", kind: extract.Settings, want: "has no column id, which primary_key names", hint: "idd"},
		"no version":      {stream: "query: select id from public.t, version: $.updated_at, primary_key: [$.id]", kind: extract.Settings, want: "has no column updated_at, which version names"},
		"two of a name":   {stream: "query: \"select t.id, u.id from public.t cross join public.t as u\"", kind: extract.Settings, want: "two columns named id"},
		"writes":          {stream: "query: \"select nextval('public.counter') as id\"", kind: extract.Settings, want: "read-only transaction", hint: "a stream only reads"},
		"writes by with":  {stream: "query: \"with d as (delete from public.t returning *) select * from d\"", kind: extract.Refused, want: "WITH clause containing a data-modifying statement must be at the top level"},
		"takes too long":  {stream: "query: select pg_sleep(600)", kind: extract.Refused, want: "longer than limits.timeout (10s)", hint: "raise limits.timeout"},
		"too large":       {stream: "query: \"select repeat('x', 3000000) as id\"", kind: extract.Refused, want: "limits.max_body (2097152 bytes)"},
		"wrong bound":     {stream: `query: "select id from public.t where id >= :start and id < :end", slices: {start: "2026-01-19", step: none}`, kind: extract.Refused, want: "invalid input syntax for type integer"},
		"no such server":  {stream: "query: select 1 as id", address: withPassword(func(u *url.URL) { u.Host = "127.0.0.1:1"; u.RawQuery = "" }), kind: extract.Transport, want: "connection refused", hint: "is 127.0.0.1:1/"},
		"no such base":    {stream: "query: select 1 as id", address: withPassword(func(u *url.URL) { u.Path = "/nowhere_at_all" }), kind: extract.Settings, want: `database "nowhere_at_all" does not exist`, hint: "SHOP_DB_URL"},
		"no address":      {stream: "query: select 1 as id", address: "shop:" + canary + "@here", kind: extract.Settings, want: "is no address", hint: "SHOP_DB_URL"},
		"no user":         {stream: "query: select 1 as id", address: "postgres://host/db", kind: extract.Settings, want: "names no user"},
		"unknown setting": {stream: "query: select 1 as id", address: withPassword(func(u *url.URL) { u.RawQuery += "&sslmode=" + canary }), kind: extract.Settings, want: "has a setting that is not known"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := map[string]string{"SHOP_DB_URL": s.env["SHOP_DB_URL"]}
			if c.address != "" {
				env["SHOP_DB_URL"] = c.address
			}
			timeout := patience
			if name == "takes too long" {
				timeout = "PT10S"
			}
			yaml := strings.Replace(shopYAML("  t: {"+c.stream+"}\n"), patience, timeout+", max_body: 2MB", 1)
			l := &lander{}
			_, err := extract.NewReader(quick(l, env)).Read(t.Context(), load(t, yaml, env).Streams[0], extract.Job{})
			var e *extract.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, c.kind, e.Kind, err)
			require.Contains(t, err.Error(), c.want)
			require.Contains(t, e.Hint, c.hint)
			for _, secret := range []string{canary, url.QueryEscape(canary), env["SHOP_DB_URL"]} {
				require.NotContains(t, err.Error()+e.Hint+fmt.Sprint(l.slices), secret)
			}
			require.Empty(t, l.records())
		})
	}
}

// The warehouse's own password, which libpq would take from the environment, does not go to another server.
func TestQuery_takesNoPasswordFromTheEnvironment(t *testing.T) {
	server := newAskingServer(t)
	t.Setenv("PGPASSWORD", canary)
	t.Setenv("PGPASSFILE", "/dev/null")
	env := map[string]string{"SHOP_DB_URL": "postgres://reader@" + server.address + "/shop?sslmode=disable"}
	yaml := shopYAML("  t: {query: select 1 as id}\n")
	_, err := extract.NewReader(quick(&lander{}, env)).Read(t.Context(), load(t, yaml, env).Streams[0], extract.Job{})
	require.Error(t, err)
	require.NotEmpty(t, server.said())
	require.NotContains(t, server.said(), canary)
}

func TestQuery_planShowsItWithItsBounds(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	d := quick(&lander{}, nil) // neither credentials nor a network
	plan, err := extract.NewReader(d).Plan(t.Context(), load(t, shopYAML(fmt.Sprintf(ordersYAML, "timestamptz", "Asia/Shanghai")), s.env).Streams[0], extract.Window{})
	require.NoError(t, err)
	require.Len(t, plan.Slices, 4)
	require.Contains(t, plan.Request, "where updated_at >= '2026-01-17T00:00:00+08:00' and updated_at < '2026-01-18T00:00:00+08:00'::timestamptz")
	require.Contains(t, plan.Request, "not at ':start'")
}

func TestQuery_isReplayedAsItWasRecorded(t *testing.T) {
	t.Parallel()
	g := rand.New(rand.NewPCG(1, 13))
	s := newShop(t, "create type public.pair as (a int, b text)", everything, "alter table public.everything add column updated_at timestamptz default '2026-01-18 10:00+00'")
	for id := range 50 {
		s.exec("insert into public.everything values " + everythingRow(g, id))
	}
	s.exec("update public.everything set updated_at = '2026-01-19 10:00+00' where id % 3 = 0")
	yaml := shopYAML(`
  everything:
    query: select * from everything where updated_at >= :start and updated_at < :end
    primary_key: [{path: $.id, type: bigint}]
    slices: {start: "2026-01-17", step: P1D}
    deletes: {sweep: {query: select id from everything}}
`)
	dir := t.TempDir()
	recorder, err := extract.NewRecorder(openRoot(t, dir))
	require.NoError(t, err)
	original := newCopy(t, s.env)
	original.deps.Recorder = recorder
	require.NoError(t, original.read(load(t, yaml, s.env)))
	require.NoError(t, recorder.Close())

	recording, err := extract.OpenRecording(openRoot(t, dir))
	require.NoError(t, err)
	replayed := newCopy(t, nil)
	replayed.deps.Recording = recording
	replayed.deps.Now = func() time.Time { return noon.AddDate(0, 1, 0) }
	require.NoError(t, replayed.read(load(t, yaml, nil)))
	require.Len(t, original.content("everything"), 50)
	require.Equal(t, original.content("everything"), replayed.content("everything"))
}

func TestLoad_tellsMistakesOfQueries(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ stream, want string }{
		"nothing":            {`t: {primary_key: [$.id]}`, `"query" is missing`},
		"two statements":     {`t: {query: "select 1; select 2"}`, "more than one statement"},
		"no rows":            {`t: {query: "update t set x = 1"}`, "the query gives no rows"},
		"unknown":            {`t: {query: "select * from t where x > :sart", slices: {start: "2026-01-01", step: none}}`, "the query asks for :sart"},
		"bounds of nothing":  {`t: {query: "select * from t where x > :start"}`, "the query asks for :start of a stream without slices"},
		"each unused":        {`t: {query: "select 1 as id", each: {shop: [1]}}`, "the query does not use :shop, so each of its values would give the same"},
		"each by a bound":    {`t: {query: "select 1 where x = :end", each: {end: [1]}}`, `each "end" has the name of an end of a slice`},
		"each, other name":   {`t: {query: "select 1 where x = :shp and y = :shop", each: {shop: [1]}}`, "the query asks for :shp"},
		"key of no each":     {`t: {query: "select 1 as id", primary_key: [{value: "${each.shop}", name: shop}]}`, "${each.shop} in primary_key means nothing"},
		"listing of one":     {`t: {query: "select 1 as id where 1 = :shop", each: {shop: [1]}, primary_key: [{value: "${each.shop}", name: shop}, $.id], deletes: {sweep: {query: "select id from t"}}}`, "the listing does not use :shop, which the key has"},
		"no start":           {`t: {query: "select ':start' from t", slices: {start: "2026-01-01", step: P1D}}`, "does not use :start"},
		"no end":             {`t: {query: "select * from t where x > :start", slices: {start: "2026-01-01", step: P1D}}`, "does not use :end"},
		"open text":          {`t: {query: "select 'a from t"}`, "a text in the query does not end"},
		"of another type":    {`t: {query: "select 1", records: $.x}`, "records does not belong to a source of type postgres"},
		"sweep by request":   {`t: {query: "select 1 as id", primary_key: [$.id], deletes: {sweep: {path: /x}}}`, "deletes.sweep.path does not belong"},
		"sweep of a window":  {`t: {query: "select 1 as id", primary_key: [$.id], deletes: {sweep: {query: "select id from t where x > :start"}}}`, "it is one of all keys"},
		"sweep without keys": {`t: {query: "select 1 as id", deletes: {sweep: {query: "select id from t"}}}`, "what has no key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, told := loadText(shopYAML("  " + c.stream + "\n"))
			require.Contains(t, strings.Join(told, "\n"), c.want)
		})
	}
	_, told := loadText("source: s\ntype: postgres\nbase_url: http://x\nstreams:\n  t: {query: select 1}\n")
	require.Contains(t, strings.Join(told, "\n"), `"url" is missing`)
	require.Contains(t, strings.Join(told, "\n"), "base_url does not belong")
	_, told = loadText("source: s\nbase_url: http://x\nurl: postgres://x\nstreams:\n  t: {request: {path: /x}, records: $, query: select 1}\n")
	require.Contains(t, strings.Join(told, "\n"), "url does not belong")
	require.Contains(t, strings.Join(told, "\n"), "query does not belong")
}

// The parameters that are found are those that PostgreSQL's own scanner sees: a colon with a name right after it.
func TestQuery_parametersAreWherePostgresSeesThem(t *testing.T) {
	t.Parallel()
	pieces := []string{
		"select", " ", "\n", ":start", ":end", "::text", "'", "''", `"`, `""`, "$$", "$a$", "$a1$", "$1", "--", "/*", "*/", "e'", "E'\\'", "\\", ":", "a", "start",
		":=", "(", ")", ",", "x.y", "1", "1.5", "名", "u&'", "b'0'", "n'x'", "-", "/", "*", "+", "<", "=", "@", "'a'", `"b"`, "--:start\n", "/*:end*/", "':start'",
	}
	compared := 0
	for seed := range 60 * seedCount(t, 100) {
		g := rand.New(rand.NewPCG(uint64(seed), 17))
		text := "select "
		for range 1 + g.IntN(14) {
			text += pieces[g.IntN(len(pieces))]
		}
		scanned, err := pg_query.Scan(text)
		if err != nil {
			continue
		}
		var want []string
		for i, token := range scanned.Tokens {
			if token.Token == pg_query.Token_ASCII_58 && i+1 < len(scanned.Tokens) && scanned.Tokens[i+1].Start == token.End {
				next := scanned.Tokens[i+1]
				if name := text[next.Start:next.End]; name == "start" || name == "end" {
					want = append(want, fmt.Sprint(token.Start, name))
				}
			}
		}
		got, err := extract.QueryParameters(text)
		if err != nil {
			continue // refused: another name, or two statements
		}
		compared++
		require.Equal(t, want, got, "seed %d: %q", seed, text)
	}
	require.Positive(t, compared)
}
