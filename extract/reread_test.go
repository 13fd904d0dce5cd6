package extract_test

import (
	"fmt"
	"net/http"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/extract"
	"github.com/terrace-elt/terrace/ods"
)

func rejected(raw, reason string) ods.StoredReject {
	return ods.StoredReject{Reject: ods.Reject{Raw: []byte(raw), Reason: reason}}
}

func TestReread_decodesLinesAsDeclaredNow(t *testing.T) {
	t.Parallel()
	gbk := load(t, filesYAML("*", "{type: ndjson, encoding: gbk}", ""), nil).Streams[0]
	again, err := gbk.Reread(rejected("{\"n\":\"\xc4\xe3\xba\xc3\"}", "encoding"))
	require.NoError(t, err)
	require.Equal(t, `{"n":"你好"}`, string(again.Raw))
	_, err = gbk.Reread(rejected("{\"n\":\"\xff\"}", "encoding"))
	require.ErrorContains(t, err, "not of the file's encoding")
	_, err = gbk.Reread(rejected("{", "too_long"))
	require.ErrorContains(t, err, "only its beginning")

	plain := load(t, filesYAML("*", "{type: ndjson}", ""), nil).Streams[0]
	again, err = plain.Reread(rejected(`{"n":1}`, "missing_key"))
	require.NoError(t, err)
	require.Equal(t, `{"n":1}`, string(again.Raw))

	table := load(t, filesYAML("*", "{type: csv}", ""), nil).Streams[0]
	_, err = table.Reread(rejected("1,2", "ragged"))
	require.ErrorContains(t, err, "the header of its file is not known")
}

// replayed lands what is pending, and says what was refused.
func (c *copyOf) replayed(s *extract.Stream) (landed int64, refused []string) {
	c.Helper()
	pending, err := c.store.Rejects(c.Context(), ods.RejectFilter{Stream: s.Name, Pending: true})
	require.NoError(c, err)
	var ready []ods.StoredReject
	for _, r := range pending {
		again, err := s.Reread(r)
		if err != nil {
			refused = append(refused, err.Error())
			continue
		}
		ready = append(ready, again)
	}
	if len(ready) == 0 {
		return 0, refused
	}
	done, err := c.store.ReplayRejects(c.Context(), s.Landing, ready, uuid.New(), time.Now().Add(time.Hour))
	require.NoError(c, err)
	for _, r := range done.Refused {
		refused = append(refused, r.Message)
	}
	return done.Inserted + done.Updated, refused
}

// Rows of a CSV file are landed by the header of their file when the declaration is right.
func TestReplay_landsRowsByTheHeaderOfTheirFile(t *testing.T) {
	t.Parallel()
	c := newCopy(t, nil)
	c.deps.FS = fstest.MapFS{"data/a.csv": file("id,name,note\n1,a,x\n2,\xc4\xe3\xba\xc3,y\n3,'b,c',z\n4,d\n")}
	key := "    primary_key: [{path: $.id, type: bigint}]\n"
	require.NoError(t, c.read(load(t, filesYAML("*.csv", "{type: csv}", key), nil)))
	require.Equal(t, []string{"1"}, column(t, c.db, `select id::text from crm_ods.rows`))

	corrected := load(t, filesYAML("*.csv", `{type: csv, encoding: gbk, quote: "'"}`, key), nil).Streams[0]
	landed, refused := c.replayed(corrected)
	require.EqualValues(t, 2, landed)
	require.Equal(t, []string{"2 cells, the header has 3"}, refused)
	require.Equal(t, []string{
		`{"id": "1", "name": "a", "note": "x"}|2`, `{"id": "2", "name": "你好", "note": "y"}|3`, `{"id": "3", "name": "b,c", "note": "z"}|4`,
	}, column(t, c.db, `select payload::text || '|' || _line from crm_ods.rows order by id`))
}

// The values of each that are columns of the key are those of the slice that the reject was read in.
func TestReplay_givesKeysTheValuesOfEach(t *testing.T) {
	t.Parallel()
	a := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `[{"order":{"id":7},"shop":%q}]`, r.URL.Query().Get("shop"))
	})
	yaml := `
source: crm
base_url: ${URL}
streams:
  orders:
    primary_key: [{value: "${each.shop}", type: bigint}, {value: "${each.kind}"}, {path: $.%s, type: bigint, name: id}]
    each: {shop: [11, 12], kind: ["a&b=100%%", c]}
    request: {path: /o, query: {shop: "${each.shop}", kind: "${each.kind}"}}
    records: $[*]
`
	env := map[string]string{"URL": a.URL}
	c := newCopy(t, env)
	require.NoError(t, c.read(load(t, fmt.Sprintf(yaml, "id"), env)))
	require.Empty(t, column(t, c.db, `select id::text from crm_ods.orders`))
	landed, refused := c.replayed(load(t, fmt.Sprintf(yaml, "order.id"), env).Streams[0])
	require.Empty(t, refused)
	require.EqualValues(t, 4, landed)
	require.Equal(t, []string{"11|a&b=100%|7|11", "11|c|7|11", "12|a&b=100%|7|12", "12|c|7|12"},
		column(t, c.db, `select concat_ws('|', shop, kind, id, payload ->> 'shop') from crm_ods.orders order by 1`))
}
