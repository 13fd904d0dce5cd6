package extract_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/extract"
	"github.com/terrace-elt/terrace/ods"
	"github.com/terrace-elt/terrace/tests/pgtest"
)

// cutOff is the real store, with power cuts after so many pages.
type cutOff struct {
	*ods.Store
	pages int
}

func (c *cutOff) Land(ctx context.Context, page ods.Page) (ods.Landed, error) {
	if c.pages--; c.pages < 0 {
		return ods.Landed{}, errPowerCut
	}
	return c.Store.Land(ctx, page)
}

const warehouse = `
source: hall
base_url: ${URL}
streams:
  settlements:
    primary_key: [{path: $.id, type: bigint}]
    request: {path: /s, query: {page: "${page.number}", from: "${slice.start}"}}
    paginate: {type: page, size: 10, total: $.total}
    slices: {start: "2026-01-18", step: P1D, format: "%d"}
    records: $.data[*]
  tickets:
    parent: {stream: settlements, keys: {id: id}, only: changed, concurrency: 4}
    primary_key: [{path: $.orderSettleId, type: bigint}]
    request: {path: "/t/${parent.id}"}
    records: $
`

// In the real warehouse: whatever page a run dies at, the next ones make of it what an undisturbed run makes, the
// details of every settlement are fetched, and a further run changes nothing.
func TestRead_convergesInTheWarehouseHoweverOftenItDies(t *testing.T) {
	t.Parallel()
	a := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		if id, ok := strings.CutPrefix(r.URL.Path, "/t/"); ok {
			fmt.Fprintf(w, `{"orderSettleId":%s,"items":[1.10]}`, id)
			return
		}
		day, _ := strconv.Atoi(r.URL.Query().Get("from"))
		page, _ := strconv.Atoi(r.URL.Query().Get("page"))
		var rows []string
		for i := (page - 1) * 10; i < min(page*10, 35); i++ {
			rows = append(rows, fmt.Sprintf(`{"id":%d,"amount":9007199254740993.10}`, day*100+i))
		}
		fmt.Fprintf(w, `{"total":35,"data":[%s]}`, strings.Join(rows, ","))
	})
	env := map[string]string{"URL": a.URL}
	s := load(t, warehouse, env)
	db := pgtest.New(t)
	store := &cutOff{Store: ods.New(db.Pool)}
	d := quick(nil, env)
	d.Lander = store
	reader := extract.NewReader(d)
	for _, stream := range s.Streams {
		require.NoError(t, store.Ensure(t.Context(), stream.Landing))
		deaths := 0
		for {
			store.pages = 1 + deaths
			_, err := reader.Read(t.Context(), stream, extract.Job{RunID: uuid.New()})
			if err == nil {
				break
			}
			require.ErrorIs(t, err, errPowerCut)
			deaths++
			require.Less(t, deaths, 20)
		}
		require.Positive(t, deaths, stream.Name)
	}
	count := func(sql string) (n int) {
		require.NoError(t, db.Pool.QueryRow(t.Context(), sql).Scan(&n))
		return n
	}
	require.Equal(t, 105, count(`select count(*) from crm_ods.settlements where payload ->> 'amount' = '9007199254740993.10'`))
	require.Equal(t, 105, count(`select count(*) from crm_ods.tickets as t join crm_ods.settlements as s on s.id = t.order_settle_id`))
	require.Equal(t, 210, count(`select (select count(*) from crm_ods.settlements__versions) + (select count(*) from crm_ods.tickets__versions)`))

	store.pages = 100
	asked := a.requests()
	for _, stream := range s.Streams {
		result, err := reader.Read(t.Context(), stream, extract.Job{RunID: uuid.New()})
		require.NoError(t, err)
		require.Zero(t, result.Inserted+result.Updated)
	}
	require.Equal(t, asked, a.requests(), "nothing is new before the watermark, and no parent changed")
}

func TestRead_opensNoFileThatTheWarehouseHas(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	fsys := fstest.MapFS{"data/a.csv": file("id,x\n1,a\n2\n3,c\n"), "data/b.csv": file("id,x\n4,d\n")}
	opened := 0
	d := quick(nil, nil)
	d.Lander = ods.New(db.Pool)
	d.FS = openHook{fsys, ".csv", func() { opened++ }}
	stream := load(t, filesYAML("*.csv", "{type: csv}", "    primary_key: [{path: $.id, type: bigint}]\n"), nil).Streams[0]
	require.NoError(t, ods.New(db.Pool).Ensure(t.Context(), stream.Landing))
	reader := extract.NewReader(d)

	result, err := reader.Read(t.Context(), stream, extract.Job{RunID: uuid.New()})
	require.NoError(t, err)
	require.EqualValues(t, 3, result.Inserted)
	require.EqualValues(t, 1, result.Rejected)
	require.Equal(t, 4, opened)

	result, err = reader.Read(t.Context(), stream, extract.Job{RunID: uuid.New()})
	require.NoError(t, err)
	require.Zero(t, result.Slices)
	require.Equal(t, 4, opened)
	var place string
	require.NoError(t, db.Pool.QueryRow(t.Context(), `select string_agg(_file || ':' || _line, ' ' order by id) from crm_ods.rows`).Scan(&place))
	require.Equal(t, "data/a.csv:2 data/a.csv:4 data/b.csv:2", place)
}
