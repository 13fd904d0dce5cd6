package extract_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/extract"
	"github.com/terrace-elt/terrace/ods"
)

func noEnv(string) (string, bool) { return "", false }

const erp = `
source: erp
type: http
base_url: ${ERP_URL:-https://openapi.example.com}
limits: {rate: [{n: 5, per: PT1S}, {n: 100, per: PT1M}], concurrency: 2, timeout: PT60S, max_body: 256MB}
auth: {type: bearer, token: "${env:ERP_TOKEN}"}
streams:
  orders:
    tags: [daily]
    primary_key: [{path: $.io_id, type: bigint}, $.data.shopId]
    version: $.modified
    on_conflict: keep_first
    on_reject: fail
    request:
      method: POST
      path: /open/orders/out/simple/query
      form:
        timestamp: ${now(epoch_s)}
        biz: '${json({page_index: page.number, page_size: page.size, modified_begin: slice.start, modified_end: slice.end})}'
    paginate: {type: page, start: 1, size: 50, more: $.data.has_next, total: $.data.data_count, max_pages: 1000}
    slices: {start: "2024-01-01", step: P1D, max_span: P7D, bounds: "[]", granularity: PT1S, format: "%Y-%m-%d %H:%M:%S", timezone: Asia/Shanghai, lookback: PT2H, settle: PT5M}
    records: $.data.datas[*]
    success_when: $.code == 0
    on:
      - {when: "$.code in [199, 200]", do: backoff, wait: PT60S, reason: throttled}
      - {when: "status == 404", do: skip}
      - {when: "$.code == 110", do: fail, reason: this address is not on the allow-list}
`

func TestLoad_readsTheShapeOfASource(t *testing.T) {
	t.Parallel()
	sources, problems := extract.Load(fstest.MapFS{
		"models/shop/cn/ods/erp.yml":    {Data: []byte(erp)},
		"models/shop/cn/dwd/orders.sql": {Data: []byte("select 1")},
		"models/legacy/ods/legacy.yml": {Data: []byte(`
source: legacy
type: existing
streams:
  accounts: {relation: public.accounts, primary_key: [id], changed_at: updated_at}
`)},
		"models/lake/ods/lake.yml": {Data: []byte(`
source: lake
type: files
streams:
  assets:
    files: {path: data, glob: "assets/*.csv"}
    format: {type: csv, encoding: gbk, delimiter: "\t", quote: "'", header: true, "null": ["", "NULL"], ragged: reject}
    primary_key: [{path: $.account_id, name: account}]
`)},
	}, noEnv)
	require.Empty(t, problems)
	require.Len(t, sources, 3)

	lake, legacy, shop := sources[0], sources[1], sources[2]
	require.Equal(t, "lake_ods.assets", lake.Streams[0].Name)
	require.True(t, lake.Streams[0].Landing.FileColumns)
	require.Equal(t, "account", lake.Streams[0].Landing.Key[0].Name)

	accounts := legacy.Streams[0]
	require.True(t, accounts.External())
	require.Equal(t, "public.accounts", accounts.Relation)
	require.Equal(t, []string{"id"}, accounts.Key)

	require.Equal(t, "shop_cn_ods", shop.Schema)
	orders := shop.Streams[0]
	require.Equal(t, 8, orders.Line)
	require.Equal(t, []string{"daily"}, orders.Tags)
	require.Equal(t, ods.Stream{
		Name:      "shop_cn_ods.orders",
		Key:       []ods.KeyColumn{{Name: "io_id", Path: "$.io_id", Type: "bigint"}, {Name: "shop_id", Path: "$.data.shopId", Type: "text"}},
		Version:   "$.modified",
		KeepFirst: true, FailOnReject: true,
	}, orders.Landing)
	require.Equal(t, extract.Closed, orders.Slicing.Bounds)
}

// Every mistake is told with its place and, where there is one, the near name. What this version lacks is refused, not
// passed over.
func TestLoad_tellsEveryMistakeWithItsPlace(t *testing.T) {
	t.Parallel()
	good := strings.TrimPrefix(erp, "\n")
	for name, c := range map[string]struct{ old, new, want string }{
		"unknown key":            {"success_when:", "sucess_when:", `src.yml:22:5: unknown key "sucess_when"`},
		"unknown placeholder":    {"page_index: page.number", "page_index: page.numbr", `${page.numbr} means nothing in crm_ods.orders`},
		"unknown function":       {"${now(epoch_s)}", "${noww(epoch_s)}", "there is no function noww()"},
		"wrong type":             {"size: 50", "size: many", `"size" wants a whole number, got "many"`},
		"no number":              {"size: 50", "size: 0", "size must be at least 1"},
		"bad path":               {"$.data.datas[*]", "data.datas", `path "data.datas" does not begin with $`},
		"bad condition":          {"$.code == 0", "$.code = 0", `condition "$.code = 0"`},
		"bad format":             {"%Y-%m-%d %H:%M:%S", "yyyy-mm-dd", `time format "yyyy-mm-dd"`},
		"bad zone":               {"Asia/Shanghai", "Asia/Schanghai", `there is no time zone "Asia/Schanghai"`},
		"bad start":              {`"2024-01-01"`, `"1 January"`, `"1 January" is no start`},
		"bad duration":           {"P7D", "7 D", `wants a length of time`},
		"endless step":           {"step: P1D", "step: PT0S", "a step of no length never ends"},
		"bad size":               {"256MB", "a lot", `"a lot" is no size`},
		"bad address":            {"https://openapi.example.com", "openapi", "base_url is no address"},
		"bad key":                {"$.data.shopId", `"$.data[*]"`, "is not made of names"},
		"two keys of a name":     {"$.data.shopId", "$.x.io_id", "two key columns are named io_id"},
		"page not asked for":     {"page_index: page.number, ", "", "the request does not use ${page.number}"},
		"slice not asked for":    {"modified_begin: slice.start, ", "", "the request does not use ${slice.start}"},
		"several values":         {"$.data.has_next", `"$.data[*].x"`, "more is a single value"},
		"a form by GET":          {"method: POST", "method: GET", "a GET request has no form or json"},
		"stream's name":          {"  orders:", "  Orders:", `stream "Orders" is no plain name`},
		"sign without its parts": {"auth:", "sign: {algo: md5}\nauth:", `"over" is missing`},
		"hmac without a key":     {"auth:", "sign: {over: [form], into: {form: sign}, algo: hmac_sha256}\nauth:", `sign by hmac_sha256 needs "key"`},
		"unknown name in pair":   {"auth:", "sign: {over: [form], into: {form: sign}, algo: md5, pair: '{k}'}\nauth:", "{k} means nothing in pair"},
		"unknown name in wrap":   {"auth:", "sign: {over: [form], into: {form: sign}, algo: md5, wrap: 'a{timestmp}'}\nauth:", `no request has a parameter "timestmp"`},
		"sign into two places":   {"auth:", "sign: {over: [form], into: {form: sign, query: sign}, algo: md5}\nauth:", "into names two places"},
		"sign of no json":        {"auth:", "sign: {over: [json], into: {query: sign}, algo: md5}\nauth:", "this request has no json object"},
		"a call without paths":   {`{type: bearer, token: "${env:ERP_TOKEN}"}`, `{type: token_call, request: {path: /t}}`, `auth of type token_call needs "extract.access"`},
		"a token for nothing":    {`{type: bearer, token: "${env:ERP_TOKEN}"}`, `{type: token_call, request: {path: /t}, extract: {access: $.t}}`, "no request uses ${token.access}"},
		"a token of nobody":      {"${now(epoch_s)}", "${token.access}", "${token.access} means nothing in crm_ods.orders"},
		"a key of another auth":  {`token: "${env:ERP_TOKEN}"`, `token: "x", scope: "y"`, `auth of type bearer has no "scope"`},
		"nothing to refresh":     {"do: skip", "do: refresh_token", "there is no token to refresh"},
		"a token rule that skips": {
			`{type: bearer, token: "${env:ERP_TOKEN}"}`, `{type: token_call, request: {path: /t}, extract: {access: $.t}, on: [{when: $.code == 1, do: skip}]}`,
			`src.yml:5:100: a request for a token has no "skip"`,
		},
		"rules of no token": {
			`token: "${env:ERP_TOKEN}"`, `token: "x", on: [{when: $.code == 1, do: retry}]`, `src.yml:5:39: auth of type bearer has no "on"`,
		},
		"each without values":    {"    records:", "    each: {status: []}\n    records:", "each has no values"},
		"each value twice":       {"    records:", "    each: {status: [a, a]}\n    records:", "each has a twice"},
		"each for nothing":       {"    records:", "    each: {status: [a]}\n    records:", "the request does not use ${each.status}"},
		"each of nobody":         {"modified_end: slice.end", "modified_end: each.status", "${each.status} means nothing in crm_ods.orders"},
		"key of nobody":          {"$.data.shopId", "{value: '${each.shop}'}", "${each.shop} in primary_key means nothing"},
		"route beside path":      {"    records:", "    route: [{newer_than: P3M, path: /a}, {path: /b}]\n    records:", "the path is given by route"},
		"route without an end":   {"    records:", "    route: [{newer_than: P3M, path: /a}]\n    records:", "no route takes the windows that are older"},
		"route out of order":     {"    records:", "    route: [{newer_than: P3M, path: /a}, {newer_than: P1M, path: /b}, {path: /c}]\n    records:", "each route reaches further back"},
		"resume without keyset":  {"type: page,", `type: page, resume: {sql: "select 1"},`, "resume belongs to paginate of type keyset"},
		"keyset without field":   {"type: page,", "type: keyset,", `paginate of type keyset needs "field"`},
		"link without next":      {"type: page,", "type: next_link,", `paginate of type next_link needs "next"`},
		"hosts without links":    {"type: page,", "type: page, allow_hosts: [a.example],", "allow_hosts belongs to paginate of types next_link"},
		"min_step below clock":   {"step: P1D", "step: P1D, min_step: PT0.5S", "no shorter than granularity"},
		"deletes by nothing":     {"    records:", "    deletes: {sweep: {path: /x}}\n    records:", `"records" is missing`},
		"deletes without a key":  {"    records:", "    deletes: {sweep: {path: /x, records: '$[*]'}}\n    records:", `"key" is missing`},
		"files in http":          {"    records:", "    files: {glob: x}\n    records:", "files does not belong to a source of type http"},
		"auth without token":     {`, token: "${env:ERP_TOKEN}"`, "", `auth of type bearer needs "token"`},
		"variable without value": {"${ERP_URL:-https://openapi.example.com}", "${ERP_URL}", "environment variable ERP_URL is not set"},
		"no such parent":         {"    slices:", "    parent: {stream: ordrs, keys: {id: id}}\n    slices:", "there is no stream crm_ods.ordrs"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, good, c.old)
			text := strings.Replace(good, c.old, c.new, 1)
			_, problems := extract.Load(fstest.MapFS{"models/crm/ods/src.yml": {Data: []byte(text)}}, noEnv)
			var told []string
			for _, p := range problems {
				told = append(told, p.Error())
				require.Equal(t, "models/crm/ods/src.yml", p.File)
				require.Positive(t, p.Line, p.Message)
			}
			require.Contains(t, strings.Join(told, "\n"), c.want)
		})
	}
}

// What else a source must say depends on its type: with a wrong one nothing is said of the rest but words that are none.
func TestLoad_aWrongTypeIsToldAlone(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"htpp", "file", "postgresql"} {
		text := strings.Replace(strings.TrimPrefix(erp, "\n"), "type: http", "type: "+word, 1)
		text = strings.Replace(text, "base_url:", "url:", 1)
		sources, problems := extract.Load(fstest.MapFS{"models/crm/ods/src.yml": {Data: []byte(text)}}, noEnv)
		require.Len(t, problems, 1, "%v", problems)
		require.Contains(t, problems[0].Error(), `src.yml:2:7: "type" cannot be "`+word+`"`)
		require.Equal(t, "crm_ods.orders", sources[0].Streams[0].Name, "what models read is known")
	}
}

func TestLoad_refusesNamesThatAreTaken(t *testing.T) {
	t.Parallel()
	one := []byte("source: a\ntype: existing\nstreams:\n  x: {relation: public.x}\n")
	_, problems := extract.Load(fstest.MapFS{"models/crm/ods/a.yml": {Data: one}, "models/crm/ods/b.yml": {Data: one}}, noEnv)
	require.Len(t, problems, 2)
	require.Equal(t, "models/crm/ods/b.yml:1:9: source a is declared twice", problems[0].Error())
	require.Equal(t, "models/crm/ods/b.yml:4:3: stream public.x is declared twice", problems[1].Error())
	require.Contains(t, problems[1].Hint, "models/crm/ods/a.yml:4")
}

func TestLoad_passesOverWhatEditorsAndSystemsLeave(t *testing.T) {
	t.Parallel()
	one := []byte("source: a\ntype: existing\nstreams:\n  x: {relation: public.x}\n")
	sources, problems := extract.Load(fstest.MapFS{
		"models/crm/ods/a.yml":          {Data: one},
		"models/crm/ods/._a.yml":        {Data: []byte("\x00\x05\x16")},
		"models/crm/ods/.#a.yml":        {Data: one},
		"models/crm/.old/ods/a.yml":     {Data: one},
		"models/crm/testdata/ods/a.yml": {Data: one},
	}, noEnv)
	require.Empty(t, problems)
	require.Len(t, sources, 1)
}

func TestLoad_findsNothingWhereThereIsNothing(t *testing.T) {
	t.Parallel()
	sources, problems := extract.Load(fstest.MapFS{}, noEnv)
	require.Empty(t, sources)
	require.Empty(t, problems)
}
