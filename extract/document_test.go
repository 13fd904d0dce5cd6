package extract_test

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/extract"
)

const pagesOfOrders = `
source: lake
type: files
streams:
  kept:
    files: {path: data, glob: "**/*"}
    format: {type: json_page}
    replay_as: crm_ods.orders
`

func loadBoth(t *testing.T) *extract.Stream {
	t.Helper()
	sources, problems := extract.Load(fstest.MapFS{
		"models/crm/ods/crm.yml":  {Data: []byte(paged)},
		"models/crm/ods/lake.yml": {Data: []byte(pagesOfOrders)},
	}, func(name string) (string, bool) { return "http://127.0.0.1:1", name == "URL" })
	require.Empty(t, problems)
	return sources[1].Streams[0]
}

// Pages that were kept are read by the rules of the stream that they were pages of.
func TestRead_readsKeptPagesByTheRulesOfTheirStream(t *testing.T) {
	t.Parallel()
	stream := loadBoth(t)
	require.Equal(t, "id", stream.Landing.Key[0].Name, "the key is that of the stream")
	l := &lander{}
	d := quick(l, nil)
	d.FS = fstest.MapFS{
		"data/1.json":     file(list(4, 1, 2)),
		"data/2.zst":      {Data: zstdOf(list(4, 3, 4))},
		"data/refused":    file(`{"code":199,"data":{"total":0,"list":[]}}`),
		"data/wrong.json": file(`{"code":7,"data":{"list":[{"id":9}]}}`),
		"data/html.json":  file(`<html>`),
		"data/none.json":  file(`{"code":0,"data":{}}`),
	}
	result, err := extract.NewReader(d).Read(t.Context(), stream, extract.Job{})
	l.sort()
	require.Equal(t, 2, result.SlicesDone)
	require.Equal(t, 4, result.SlicesFailed)
	for _, text := range []string{"data/refused: ", "$.code == 199 holds", "data/wrong.json: ", "success_when does not hold", "data/html.json: ", "no records at $.data.list[*]"} {
		require.ErrorContains(t, err, text)
	}
	require.Equal(t, []string{`{"id":1,"price":1.10}`, `{"id":2,"price":1.10}`, `{"id":3,"price":1.10}`, `{"id":4,"price":1.10}`}, l.records())
}

// Answers that somebody else fetched are landed in the stream's own table, each content once.
func TestRead_landsPagesFromAFolder(t *testing.T) {
	t.Parallel()
	s := load(t, paged, map[string]string{"URL": "http://127.0.0.1:1"})
	for _, folder := range []string{"crm_ods.orders", "orders"} {
		c := newCopy(t, nil)
		c.deps.Transport = noNetwork{t}
		c.deps.Pages = fstest.MapFS{
			folder + "/1.json":       file(list(4, 1, 2)),
			folder + "/day/2.json":   {Data: gzipped(list(4, 3, 4)), ModTime: noon},
			folder + "/copy.json":    file(list(4, 1, 2)),
			"crm_ods.other/any.json": file(`{}`),
		}
		require.NoError(t, c.read(s))
		require.Len(t, c.content("orders"), 4)
		require.Equal(t, []string{"2"}, column(t, c.db, `select count(*)::text from terrace.slice where state = 'done'`))
	}
	c := newCopy(t, nil)
	c.deps.Pages = fstest.MapFS{"crm_ods.other/any.json": file(`{}`)}
	require.ErrorContains(t, c.read(s), "there are no pages of crm_ods.orders")
}

func TestLoad_tellsWhatKeptPagesLack(t *testing.T) {
	t.Parallel()
	_, problems := loadText(`
source: lake
type: files
streams:
  a: {files: {glob: "*"}, format: {type: json_page}}
  b: {files: {glob: "*"}, format: {type: json_page}, replay_as: nobody}
  c: {files: {glob: "*"}, format: {type: ndjson}, replay_as: a}
  d: {files: {glob: "*"}, format: {type: json_page}, replay_as: a}
`)
	require.Equal(t, []string{
		`5: "replay_as" is missing`,
		"6: there is no stream crm_ods.nobody",
		"7: replay_as does not belong to a source of type files with format ndjson",
		"8: crm_ods.a is not read from pages",
	}, problems)
}
