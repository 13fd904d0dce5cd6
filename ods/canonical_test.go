package ods

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/tests/pgtest"
)

func hashOf(t *testing.T, record string) hash {
	t.Helper()
	sum, _, refused := newScanner(nil).scan([]byte(record))
	require.Nil(t, refused, record)
	return sum
}

func TestHash_isTheSameForEqualContent(t *testing.T) {
	t.Parallel()
	for _, c := range [][]string{
		{`{"a":1,"b":2}`, ` { "b" : 2 , "a" : 1 } `, "{\n\t\"a\":1.0,\"b\":20e-1}"},
		{`{"a":1}`, `{"a":9,"a":1}`, `{"a":{"x":1},"a":1}`, `{"\u0061":1}`},
		{`[100]`, `[1e2]`, `[1E+2]`, `[100.00]`, `[0.1e3]`, `[10000e-2]`},
		{`[0]`, `[-0]`, `[0.0]`, `[-0e5]`, `[0e-9]`},
		{`1e131071`, `10e131070`},
		{`["é€😀/"]`, `["\u00e9\u20AC\ud83d\ude00\/"]`},
		{`{"bb":1,"a":{"d":[],"c":{}},"":0}`, `{"":0,"a":{"c":{},"d":[]},"bb":1}`},
		{`{"a":{"y":1,"x":2,"y":3},"b":1}`, `{"b":1,"a":{"x":2,"y":3}}`},
		{`12345678901234567890123456789.10`, `12345678901234567890123456789.1`},
	} {
		for _, other := range c[1:] {
			require.Equal(t, hashOf(t, c[0]), hashOf(t, other), "%s and %s", c[0], other)
		}
	}
}

func TestHash_tellsDifferentContentApart(t *testing.T) {
	t.Parallel()
	records := []string{
		`{}`, `[]`, `null`, `true`, `false`, `0`, `""`, `"0"`, `"null"`, `[null]`, `[[]]`, `[{}]`, `{"":null}`, `{"":{}}`,
		`1`, `-1`, `10`, `0.1`, `1e-1000`, `1e1000`, `12345678901234567890123456789`, `12345678901234567890123456788`,
		`9007199254740993`, `9007199254740992`, `[1,2]`, `[2,1]`, `[12]`, `["1,2"]`, `["1","2"]`, `["12"]`, `[["1"],"2"]`,
		`{"a":1}`, `{"a":"1"}`, `{"a":[1]}`, `{"b":1}`, `{"a":1,"b":1}`, `{"a":{"b":1}}`, `{"a":{},"b":1}`, `{"ab":1}`, `{"a":null}`,
		`"é"`, `"e\u0301"`, `"\\u0000"`, `"\ufffd"`,
	}
	seen := map[hash]string{}
	for _, record := range records {
		sum := hashOf(t, record)
		require.Empty(t, seen[sum], "%s has the hash of another", record)
		seen[sum] = record
	}
}

func TestScan_refusesWhatPostgresWould(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ record, reason string }{
		{``, ReasonInvalidJSON},
		{`  `, ReasonInvalidJSON},
		{`{`, ReasonInvalidJSON},
		{`{"a":1,}`, ReasonInvalidJSON},
		{`{"a" 1}`, ReasonInvalidJSON},
		{`[1 2]`, ReasonInvalidJSON},
		{`{} {}`, ReasonInvalidJSON},
		{`{}x`, ReasonInvalidJSON},
		{`NaN`, ReasonInvalidJSON},
		{`{'a':1}`, ReasonInvalidJSON},
		{"\"a\nb\"", ReasonInvalidJSON},
		{"\"a\x00b\"", ReasonInvalidJSON},
		{`"\x"`, ReasonInvalidJSON},
		{`01`, ReasonInvalidJSON},
		{"\uFEFF{}", ReasonInvalidJSON},
		{`"a\u0000b"`, ReasonNUL},
		{`{"a\u0000":1}`, ReasonNUL},
		{`{"x":["\\\u0000"]}`, ReasonNUL},
		{`"\ud800"`, ReasonLoneSurrogate},
		{`"\udc00\ud800"`, ReasonLoneSurrogate},
		{`{"\ud83d":1}`, ReasonLoneSurrogate},
		{"\"\xff\"", ReasonInvalidUTF8},
		{"{\"\xc0\x80\":1}", ReasonInvalidUTF8},
		{`1e131072`, ReasonNumber},
		{`[1e-16384]`, ReasonNumber},
		{`[0e-20000]`, ReasonNumber},
		{`1e99999999999999999999`, ReasonNumber},
		{strings.Repeat("[", 513) + strings.Repeat("]", 513), ReasonTooDeep},
		{strings.Repeat(`{"a":`, 513) + "1" + strings.Repeat("}", 513), ReasonTooDeep},
		{`"` + strings.Repeat("x", MaxRecord) + `"`, ReasonTooLarge},
	} {
		_, _, refused := newScanner(nil).scan([]byte(c.record))
		require.NotNil(t, refused, "%.80s", c.record)
		require.Equal(t, c.reason, refused.reason, "%.80s: %s", c.record, refused.message)
	}
}

func TestScan_findsValuesAtPaths(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ record, path, kind, raw string }{
		{`{"id": 7 }`, "$.id", "0", "7"},
		{`{"data":{"id":"x\n"}}`, "$.data.id", `"`, `"x\n"`},
		{`{"\u0069d":null}`, "$.id", "n", "null"},
		{`{"a.b":true}`, "$['a.b']", "t", "true"},
		{` 12 `, "$", "0", "12"},
		{`{"id":1,"id":2}`, "$.id", "0", "2"},
		{`{"d":{"id":1},"d":{}}`, "$.d.id", "", ""},
		{`{"d":{"id":1},"d":5}`, "$.d.id", "", ""},
		{`{"id":1,"id":[2]}`, "$.id", "", ""},
		{`{"d":[{"id":1}]}`, "$.d.id", "", ""},
		{`{"x":{"id":1}}`, "$.id", "", ""},
	} {
		path, err := parsePath(c.path)
		require.NoError(t, err)
		s := newScanner([][]string{path})
		_, _, refused := s.scan([]byte(c.record))
		require.Nil(t, refused)
		require.Equal(t, c.raw, string(s.found[0].raw), c.record)
		require.Equal(t, c.kind, strings.Trim(string(rune(s.found[0].kind)), "\x00"), c.record)
	}
}

// TestHash_equalsEqualityOfJSONB compares with PostgreSQL's own answer, over pairs of documents of which many are equal
// in content and unequal in writing.
func TestHash_equalsEqualityOfJSONB(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	g := &documents{rand.New(rand.NewPCG(seed, 0))}
	var left, right []string
	for range 20_000 {
		a := g.document(3)
		b := a
		if g.IntN(4) == 0 {
			b = g.document(3)
		}
		left, right = append(left, g.write(a)), append(right, g.write(b))
	}
	rows, err := db.Pool.Query(context.Background(),
		`select a::jsonb = b::jsonb from unnest($1::text[], $2::text[]) with ordinality as x (a, b, n) order by n`, left, right)
	require.NoError(t, err)
	equal, err := pgx.CollectRows(rows, pgx.RowTo[bool])
	require.NoError(t, err)
	count := 0
	for i := range equal {
		require.Equal(t, equal[i], hashOf(t, left[i]) == hashOf(t, right[i]), "%s\n%s", left[i], right[i])
		if equal[i] && left[i] != right[i] {
			count++
		}
	}
	require.Greater(t, count, 1000, "too few pairs differ in writing only")
}

// TestScan_writesTheTextOfTheSameJSONB compares what is sent with the record as it came: in content, in the digits of its
// numbers, and in the order that spares the server the sorting.
func TestScan_writesTheTextOfTheSameJSONB(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	g := &documents{rand.New(rand.NewPCG(seed, 0))}
	var records, texts []string
	for range 10_000 {
		record := g.write(g.document(4))
		_, text, refused := newScanner(nil).scan([]byte(record))
		require.Nil(t, refused, record)
		_, again, _ := newScanner(nil).scan(text)
		require.Equal(t, string(text), string(again), record)
		records, texts = append(records, record), append(texts, string(text))
	}
	var different []string
	rows, err := db.Pool.Query(context.Background(),
		`select a || ' as ' || b from unnest($1::text[], $2::text[]) as x (a, b) where a::jsonb::text <> b::jsonb::text`, records, texts)
	require.NoError(t, err)
	different, err = pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Empty(t, different)

	_, text, _ := newScanner(nil).scan([]byte(` { "bb" : 1.10, "c":[ 1e2 , {} ], "a" : "\u00e9", "bb":2.0 } `))
	require.Equal(t, `{"a":"\u00e9","c":[1e2,{}],"bb":2.0}`, string(text))
}

// FuzzScan holds the tokens against another reader of JSON.
func FuzzScan(f *testing.F) {
	for _, record := range []string{
		`{"a":[1,-0.5e+3,"\u00e9\ud83d\ude00",true,false,null,{}]}`, `"12345678\"90"`, "\"abcdefg\x01\"", `"\u12"`, `-`, `01`, `1.`, `1e`, `.5`, `+1`,
		`[1,]`, `{,}`, `{"a"}`, `{"a":}`, `tru`, `nulll`, "\x00", "{}\x00", ` [ ] `, `"\\"`, `"1234567\\"`, `"é名😀é名😀"`, `[[`, `]`, `{"a":1 "b":2}`,
	} {
		f.Add([]byte(record))
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		_, text, refused := newScanner(nil).scan(record)
		valid := jsontext.Value(record).IsValid(jsontext.AllowDuplicateNames(true))
		if refused == nil {
			require.True(t, valid, "%q", record)
			require.True(t, jsontext.Value(text).IsValid(), "%q: %q", record, text)
			return
		}
		switch refused.reason {
		case ReasonInvalidJSON, ReasonInvalidUTF8, ReasonLoneSurrogate:
			require.False(t, valid, "%q: %v", record, refused)
		}
	})
}

// TestScan_agreesWithPostgresOnWhatIsLandable feeds both sides documents that were damaged at random.
func TestScan_agreesWithPostgresOnWhatIsLandable(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ctx := context.Background()
	_, err := db.Pool.Exec(ctx, `
create function public.landable(document text) returns boolean language plpgsql as $$
begin
    perform document::jsonb;
    return true;
exception when others then
    return false;
end
$$`)
	require.NoError(t, err)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	g := &documents{rand.New(rand.NewPCG(seed, 0))}
	documents := []string{
		`1e131071`, `1e131072`, `9.9e131071`, `99e131071`, `1e-16383`, `1e-16384`, `1.0e-16383`, `0e-16383`, `0e-16384`,
		`0e131072`, `0e999999`, `0.1e131072`, `0.01e131073`, `0e1073741822`, `1.5e-16382`, `1.5e-16383`,
	}
	for range 10_000 {
		documents = append(documents, g.damage(g.write(g.document(3))))
	}
	rows, err := db.Pool.Query(ctx,
		`select public.landable(d) from unnest($1::text[]) with ordinality as x (d, n) order by n`, documents)
	require.NoError(t, err)
	landable, err := pgx.CollectRows(rows, pgx.RowTo[bool])
	require.NoError(t, err)
	refusedCount := 0
	for i, document := range documents {
		_, _, refused := newScanner(nil).scan([]byte(document))
		require.Equal(t, landable[i], refused == nil, "%s: %v", document, refused)
		if refused != nil {
			refusedCount++
		}
	}
	require.Greater(t, refusedCount, 1000)
}

// documents makes random JSON, and random writings of one document.
type documents struct {
	*rand.Rand
}

type object []field

type field struct {
	name  string
	value any
}

type number struct {
	negative bool
	digits   string
	exponent int
}

var vocabulary = []string{"", "a", "b", "aa", "ab", "é", "名", "a\"\\\n", "😀", "id"}

func (g *documents) document(depth int) any {
	switch kind := g.IntN(9); {
	case kind < 3 && depth > 0:
		o := object{}
		for range g.IntN(6) {
			o = append(o, field{vocabulary[g.IntN(len(vocabulary))], g.document(depth - 1)})
		}
		return o
	case kind < 5 && depth > 0:
		list := []any{}
		for range g.IntN(4) {
			list = append(list, g.document(depth-1))
		}
		return list
	case kind < 6:
		return vocabulary[g.IntN(len(vocabulary))]
	case kind < 8:
		return number{g.IntN(3) == 0, fmt.Sprint(g.IntN(30)), g.IntN(7) - 3}
	default:
		return []any{nil, true, false}[g.IntN(3)]
	}
}

func (g *documents) write(document any) string {
	switch d := document.(type) {
	case object:
		return g.writeObject(d)
	case []any:
		parts := make([]string, len(d))
		for i, value := range d {
			parts[i] = g.space() + g.write(value) + g.space()
		}
		return "[" + strings.Join(parts, ",") + "]"
	case string:
		return g.writeString(d)
	case number:
		return g.writeNumber(d)
	case nil:
		return "null"
	default:
		return fmt.Sprint(d)
	}
}

// writeObject shuffles members of different names; among repeated names the last stays the last.
func (g *documents) writeObject(o object) string {
	last := map[string]int{}
	for i, f := range o {
		last[f.name] = i
	}
	var early, late []string
	for _, i := range g.Perm(len(o)) {
		text := g.space() + g.writeString(o[i].name) + g.space() + ":" + g.space() + g.write(o[i].value)
		if last[o[i].name] == i {
			late = append(late, text)
		} else {
			early = append(early, text)
		}
	}
	return "{" + strings.Join(append(early, late...), ",") + g.space() + "}"
}

func (g *documents) writeString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r >= 0x10000 && g.IntN(2) == 0:
			fmt.Fprintf(&b, `\u%04x\u%04X`, 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff)
		case r < 0x10000 && (g.IntN(3) == 0 || r < ' ' || r == '"' || r == '\\'):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func (g *documents) writeNumber(n number) string {
	digits, exponent, sign := n.digits, n.exponent, ""
	if n.negative {
		sign = "-"
	}
	for range g.IntN(3) {
		digits, exponent = digits+"0", exponent-1
		if n.digits == "0" {
			digits = "0"
		}
	}
	if len(digits) > 1 && g.IntN(2) == 0 {
		digits, exponent = digits[:1]+"."+digits[1:], exponent+len(digits)-1
	}
	if exponent == 0 && g.IntN(2) == 0 {
		return sign + digits
	}
	return fmt.Sprintf("%s%s%s%d", sign, digits, []string{"e", "E"}[g.IntN(2)], exponent)
}

func (g *documents) space() string {
	return []string{"", "", "", " ", "\n", "\t\r "}[g.IntN(6)]
}

// damage changes a document in one place, mostly to something that is no JSON. It stays valid UTF-8 without NUL bytes,
// which no text parameter could carry.
func (g *documents) damage(document string) string {
	runes := []rune(document)
	at := g.IntN(len(runes))
	switch g.IntN(4) {
	case 0:
		return string(append(runes[:at:at], runes[at+1:]...))
	case 1:
		return string(append(append(runes[:at:at], []rune(`,:[]{}"\u0-.e`)[g.IntN(13)]), runes[at:]...))
	case 2:
		return string(append(append(runes[:at:at], []rune([]string{`\u0000`, `\\u0000`, `\ud800`, `\udc00`, "\x01"}[g.IntN(5)])...), runes[at:]...))
	default:
		return string(runes[:at])
	}
}
