package extract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"
)

func mustPath(t testing.TB, text string) path {
	t.Helper()
	p, err := parsePath(text)
	require.NoError(t, err)
	return p
}

func TestParsePath_readsItsSubsetOnly(t *testing.T) {
	t.Parallel()
	for text, normal := range map[string]string{
		"$": "$", "$.a": "$.a", "$['a b'][0].c[*]": `$["a b"][0].c[*]`, `$["x"].*`: "$.x[*]", "$.数据.列表[*]": "$.数据.列表[*]",
		`$['it\'s']`: `$["it's"]`, "$.a-b_c": "$.a-b_c",
	} {
		p := mustPath(t, text)
		require.Equal(t, normal, p.upTo(len(p.steps)), text)
	}
	for _, bad := range []string{"", "a", "$a", "$.", "$..a", "$[", "$[-1]", "$[1:2]", "$[?(@.a)]", "$['a", "$['a'", "$.a b", "$[]", "$.a."} {
		_, err := parsePath(bad)
		require.Error(t, err, bad)
	}
}

func scanText(t testing.TB, records, text string) ([]string, envelope, error) {
	t.Helper()
	p := mustPath(t, records)
	var out []string
	env, err := newSelection(&p).scan(strings.NewReader(text), func(raw []byte, offset int64) error {
		require.Equal(t, text[offset:offset+int64(len(raw))], string(raw), "the offset is that of the record")
		out = append(out, string(raw))
		return nil
	})
	return out, env, err
}

// Cases 11, 29, 35 and 38: bytes pass untouched, and what is not where it should be is told.
func TestScan_givesRecordsByteForByte(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		records, text string
		want          []string
		missing       string
	}{
		{"$.d[*]", `{"x":[1],"d":[ {"a":1.10, "a":2} ,{"b":"\\u0000"}],"y":{}}`, []string{`{"a":1.10, "a":2}`, `{"b":"\\u0000"}`}, ""},
		{"$[*]", `[1e400,12345678901234567890.123456789,"\ud800",null,[]]`, nil, "$[*] is an array; write $[*][*] for its elements"},
		{"$[*]", `[1e400,12345678901234567890.123456789,"\ud800",null]`, []string{"1e400", "12345678901234567890.123456789", `"\ud800"`, "null"}, ""},
		{"$", ` {"a":1} `, []string{`{"a":1}`}, ""},
		{"$.a[*].b[*]", `{"a":[{"b":[1,2]},{"b":[]},{"b":[3]}]}`, []string{"1", "2", "3"}, ""},
		{"$.a[*].b[*]", `{"a":[{"b":[1]},{"c":[2]}]}`, []string{"1"}, "there is no $.a[*].b"},
		{"$.a[1].b", `{"a":[{"b":1},{"b":{"x":2}}]}`, []string{`{"x":2}`}, ""},
		{"$.a[1].b", `{"a":[{"b":1}]}`, nil, "there is no $.a[1]"},
		{"$.d[*]", `{"d":[]}`, nil, ""},
		{"$.d[*]", `{"d":null}`, nil, "$.d is null, not an array"},
		{"$.d[*]", `{"d":{"a":1}}`, nil, "$.d is an object, not an array"},
		{"$.d[*]", `{"e":1}`, nil, "there is no $.d"},
		{"$.d.e[*]", `{"d":[1]}`, nil, "$.d is an array"},
		{"$.d[*]", `"text"`, nil, "$ is a string"},
		{"$.d", `{"d":[{"a":1}]}`, nil, "$.d is an array; write $.d[*] for its elements"},
		{"$['a.b'][*]", `{"a.b":[true]}`, []string{"true"}, ""},
		{"$.\u6570[*]", `{"\u6570":[1]}`, []string{"1"}, ""},
	} {
		got, env, err := scanText(t, c.records, c.text)
		require.NoError(t, err, c.text)
		require.Equal(t, c.missing, env.missing, c.text)
		if c.missing == "" || c.want != nil {
			require.Equal(t, c.want, got, c.text)
			require.EqualValues(t, len(c.want), env.count)
		}
	}
}

// Cases 37, 41 and 48.
func TestScan_refusesWhatIsNotOneWholeDocument(t *testing.T) {
	t.Parallel()
	whole := `{"d":[{"a":1},{"a":2}],"total":2}`
	for i := 1; i < len(whole); i++ {
		_, _, err := scanText(t, "$.d[*]", whole[:i])
		require.ErrorIs(t, err, errTruncated, whole[:i])
	}
	for _, bad := range []string{whole + "{}", whole + "x", `{"d":[NaN]}`, `{"d":[1,]}`, `{'d':[]}`, "<html>", `{"d":[]} // end`, "{\"d\":[\"a\x01b\"]}"} {
		_, _, err := scanText(t, "$.d[*]", bad)
		require.Error(t, err, bad)
		require.NotErrorIs(t, err, errTruncated, bad)
	}
}

func TestScan_capturesValuesBesideAndInsideRecords(t *testing.T) {
	t.Parallel()
	p := mustPath(t, "$")
	s := newSelection(&p)
	code, total, list, none := s.want(mustPath(t, "$.code")), s.want(mustPath(t, "$.d.total")), s.want(mustPath(t, "$.d.list")), s.want(mustPath(t, "$.x.y"))
	require.Equal(t, code, s.want(mustPath(t, "$['code']")), "one value is looked for once")
	env, err := s.scan(iotest.OneByteReader(strings.NewReader(`{"d":{"list":[1],"total":"12"},"code":0,"x":null}`)), func([]byte, int64) error { return nil })
	require.NoError(t, err)
	require.Equal(t, `0`, string(env.get(code).raw))
	require.Equal(t, `"12"`, string(env.get(total).raw))
	require.Equal(t, "an array", env.get(list).describe())
	require.Equal(t, "missing", env.get(none).describe())
}

// FuzzScan compares with a second way of getting the same answer: decoding everything.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		`{"d":[{"a":1},2,"x"]}`, `{"d":[]}`, `{"d":{}}`, `{"e":{"d":[1]}}`, `[{"d":[1]}]`, ` {"d" : [ 1 , [2] ] } `, `{"d":[1]}x`, `{"d":[1`,
		`{"\u0064":[1.10,1e400,-0]}`, "\ufeff{}", `{"d":["\ud800"]}`, `{"d":[null]}`, `{"d":[1],"d":[2]}`,
	} {
		f.Add(seed)
	}
	p := mustPath(f, "$.d[*]")
	selection := newSelection(&p)
	f.Fuzz(func(t *testing.T, text string) {
		var got []string
		env, err := selection.scan(strings.NewReader(text), func(raw []byte, _ int64) error {
			got = append(got, string(raw))
			return nil
		})
		if !json.Valid([]byte(text)) {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		var members map[string]json.RawMessage
		var want []json.RawMessage
		isObject := json.Unmarshal([]byte(text), &members) == nil && members != nil
		isArray := isObject && len(members["d"]) > 0 && members["d"][0] == '[' && json.Unmarshal(members["d"], &want) == nil
		if strings.Count(text, "d")+strings.Count(text, `\u`) > 1 {
			return // the name may stand there twice, which encoding/json hides
		}
		require.Equal(t, isArray, env.missing == "" || nested(want))
		if isArray && !nested(want) {
			require.Len(t, got, len(want))
			for i, w := range want {
				require.Equal(t, string(bytes.TrimSpace(w)), got[i])
			}
		}
	})
}

// nested reports whether an element is itself an array, which is a miss.
func nested(elements []json.RawMessage) bool {
	for _, e := range elements {
		if len(e) > 0 && e[0] == '[' {
			return true
		}
	}
	return false
}

func TestPredicate_judgesStatusAndBody(t *testing.T) {
	t.Parallel()
	body := `{"code":200,"msg":"ok","big":12345678901234567890,"dec":1.50,"no":null,"yes":true,"a":{"b c":"x"},"list":[]}`
	for text, want := range map[string]bool{
		"status == 404": true, "status != 404": false, "status in [200, 404]": true, "status >= 400 and status < 500": true,
		"$.code == 200": true, "$.code == 200.0": true, `$.code == "200"`: false, "$.code in [199, 200]": true, "$.code in []": false,
		`$.msg == 'ok'`: true, `$.msg == "no" or $.yes == true`: true, "not $.yes == true": false, "not ($.yes == true and $.code == 1)": true,
		"$.big == 12345678901234567890": true, "$.big == 12345678901234567891": false, "$.dec == 1.5": true, "$.dec < 1.51": true,
		"$.no == null": true, "$.missing == null": true, "$.missing != null": false, "$['a']['b c'] == 'x'": true, "$.list == null": false,
		"status == 1 or status == 2 or status == 404": true, "status == 404 or status == 404 and $.code == 1": true,
		"$.code != 1e999999999": true, "$.missing != 'x'": true, "$.code>199": true,
	} {
		p, err := parsePredicate(text)
		require.NoError(t, err, text)
		s := newSelection(nil)
		p.bind(s)
		env, err := s.scan(strings.NewReader(body), nil)
		require.NoError(t, err)
		require.Equal(t, want, p.holds(404, env), text)
	}
	for _, bad := range []string{"", "code == 1", "$.a", "$.a ==", "$.a == b", "$.a = 1", "status == 1 and", "(status == 1", "$.a in 1", "$.a in [1", "status == 1 status", "$.a[*] == 1", "statuses == 1"} {
		_, err := parsePredicate(bad)
		require.Error(t, err, bad)
	}
}

func TestTemplate_evaluatesItsClosedSet(t *testing.T) {
	t.Parallel()
	sc := scope{
		values: map[string]any{"page.number": int64(3), "slice.start": `2026 "x"`, "parent.id": json.Number("12345678901234567890"), "cursor": nil},
		env:    func(name string) (string, bool) { return "key", name == "KEY" },
	}
	for text, want := range map[string]any{
		"${page.number}": int64(3), "p${page.number}": "p3", "${parent.id}": json.Number("12345678901234567890"), "plain": "plain",
		"$ {x} $5": "$ {x} $5", "${env:KEY}-${env:KEY}": "key-key", "${ page.number }": int64(3), "${'a b'}": "a b", "${cursor}": nil, "x${cursor}": "x",
		`${json({page: page.number, from: slice.start, ids: [1, parent.id, true, null, "y"], "a b": {}})}`: `{"page":3,"from":"2026 \"x\"","ids":[1,12345678901234567890,true,null,"y"],"a b":{}}`,
		"${md5('a')}":                 "0cc175b9c0f1b6a831c399e269772661",
		"${split('a, b,,c d ', ',')}": jsontext.Value(`["a","b","c d"]`), "${split(' ', ',')}": nil,
		"${sha256(env:KEY)}": "2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683",
		"${hmac_sha256(env:KEY, 'The quick brown fox jumps over the lazy dog')}": "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8",
	} {
		tmpl, err := parseTemplate(text)
		require.NoError(t, err, text)
		got, err := tmpl.eval(sc)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, bad := range []string{"${", "${}", "${page.number", "${env:}", "${md6('a')}", "${md5()}", "${md5(1,2)}", "${json({a})}", "${now(epoch_s}", "${now(yyyy)}", "${'a}", "${[1}", "${json({a: 1 b: 2})}"} {
		_, err := parseTemplate(bad)
		require.Error(t, err, bad)
	}
	_, err := (&expr{kind: envExpr, name: "NONE"}).eval(sc)
	require.EqualError(t, err, "environment variable NONE is not set")
}

func FuzzParseTemplate(f *testing.F) {
	for _, seed := range []string{"${json({a: [1, page.number]})}", "${now(%Y-%m-%d)}", "${", "}", "${env:A}${cursor}", "${hmac_sha256(env:K, 'x')}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tmpl, err := parseTemplate(text)
		if err != nil {
			return
		}
		var literal strings.Builder
		for _, p := range tmpl.parts {
			literal.WriteString(p.text)
		}
		if !strings.Contains(text, "${") {
			require.Equal(t, text, literal.String())
		}
		_ = fmt.Sprint(tmpl.eval(scope{zone: time.UTC, env: func(string) (string, bool) { return "", false }}))
	})
}
