package landing

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/extract"
	"github.com/terrace-elt/terrace/ods"
	"github.com/terrace-elt/terrace/tests/pgtest"
)

// Slices of one reading that have records in common, of which the source says now one thing and now another, and back
// again: whichever page lands first, what arrived last is current, and the next page that says the same writes nothing.
func TestPages_ofOneReadingAreLandedInTheOrderOfTheirArrival(t *testing.T) {
	t.Parallel()
	for _, seed := range seeds(t) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t)
			f := newFlickering(t, seed, ods.New(db.Pool))
			for range 3 {
				f.read()
				require.Equal(t, f.arrivedLast(), currentContents(t, db), "seed %d", seed)
			}
		})
	}
}

// flickering is a source whose records change back and forth, and a lander that takes its time.
type flickering struct {
	*testing.T
	*ods.Store
	stream *extract.Stream

	mu    sync.Mutex
	rand  *rand.Rand
	pages []ods.Page // landed
}

const flickers = `
source: api
base_url: ${URL}
limits: {concurrency: 4}
streams:
  items:
    primary_key: [{path: $.id, type: bigint}]
    each: {of: [a, b, c, d, e, f]}
    request: {path: /items, query: {page: "${page.number}", of: "${each.of}"}}
    paginate: {type: page, more: $.more}
    records: $.data[*]
`

func newFlickering(t *testing.T, seed uint64, store *ods.Store) *flickering {
	f := &flickering{T: t, Store: store, rand: rand.New(rand.NewPCG(seed, 3))}
	server := httptest.NewServer(http.HandlerFunc(f.answer))
	t.Cleanup(server.Close)
	lookup := func(name string) (string, bool) { return server.URL, name == "URL" }
	sources, problems := extract.Load(fstest.MapFS{"models/shop/ods/api.yml": {Data: []byte(flickers)}}, lookup)
	require.Empty(t, problems)
	f.stream = sources[0].Streams[0]
	require.NoError(t, store.Ensure(t.Context(), f.stream.Landing))
	return f
}

// answer gives some of ten records, each as one of two.
func (f *flickering) answer(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var records []string
	for id := range 10 {
		if f.rand.IntN(4) == 0 {
			records = append(records, fmt.Sprintf(`{"id":%d,"is":%q}`, id, pick(f.rand, "this", "that")))
		}
	}
	more := r.URL.Query().Get("page") != "3"
	if len(records) == 0 {
		records = []string{`{"id":0,"is":"this"}`}
	}
	// Pages differ in their marks, as one that repeats is an error.
	records = append(records, fmt.Sprintf(`{"id":%d,"is":"mark"}`, 100+f.rand.IntN(1e9)))
	_, _ = fmt.Fprintf(w, `{"more":%t,"data":[%s]}`, more, strings.Join(records, ","))
}

// Land lands after a while.
func (f *flickering) Land(ctx context.Context, page ods.Page) (ods.Landed, error) {
	f.mu.Lock()
	wait := time.Duration(f.rand.IntN(20)) * time.Millisecond
	f.mu.Unlock()
	time.Sleep(wait)
	landed, err := f.Store.Land(ctx, page)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pages = append(f.pages, page)
	return landed, err
}

func (f *flickering) read() {
	reader := extract.NewReader(extract.Deps{Lander: f, Now: time.Now, LookupEnv: func(string) (string, bool) { return "", false }})
	_, err := reader.Read(f.Context(), f.stream, extract.Job{RunID: uuid.New()})
	require.NoError(f, err)
}

// arrivedLast is for each record what the page said of it that arrived last.
func (f *flickering) arrivedLast() map[int]string {
	said, at := map[int]string{}, map[int]time.Time{}
	for _, page := range f.pages {
		for _, record := range page.Records {
			var r struct {
				ID int
				Is string
			}
			require.NoError(f, json.Unmarshal(record.Raw, &r))
			if r.Is != "mark" && !page.Fetched.Before(at[r.ID]) {
				said[r.ID], at[r.ID] = r.Is, page.Fetched
			}
		}
	}
	return said
}

func currentContents(t *testing.T, db *pgtest.DB) map[int]string {
	t.Helper()
	rows, err := db.Pool.Query(t.Context(), `select id::int, payload ->> 'is' from shop_ods.items where id < 100`)
	require.NoError(t, err)
	is := map[int]string{}
	var id int
	var text string
	_, err = pgx.ForEachRow(rows, []any{&id, &text}, func() error {
		is[id] = text
		return nil
	})
	require.NoError(t, err)
	return is
}
