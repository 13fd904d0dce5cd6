package landing

import (
	"bufio"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/extract"
	"github.com/terrace-elt/terrace/ods"
)

const paged = `
source: bench
base_url: ${URL}
limits: {concurrency: 1}
streams:
  orders:
    primary_key: [{path: $.id, type: bigint}]
    request: {path: /orders, query: {page: "${page.number}"}}
    paginate: {type: page, size: 500, total: $.total}
    records: $.data[*]
`

// perPage is how many orders a page of the server has.
const perPage = 500

// shop serves the orders of a file, page by page, out of memory.
type shop struct {
	*httptest.Server
	pages [][]byte
}

func newShop(b *testing.B, ndjson string) *shop {
	s := &shop{}
	file, err := os.Open(ndjson)
	require.NoError(b, err)
	defer file.Close()
	in := bufio.NewScanner(file)
	in.Buffer(nil, 1<<20)
	for n := 0; in.Scan(); n++ {
		if n%perPage == 0 {
			s.pages = append(s.pages, fmt.Appendf(nil, `{"total":%d,"data":[`, records))
		} else {
			s.pages[len(s.pages)-1] = append(s.pages[len(s.pages)-1], ',')
		}
		s.pages[len(s.pages)-1] = append(s.pages[len(s.pages)-1], in.Bytes()...)
	}
	require.NoError(b, in.Err())
	for i := range s.pages {
		s.pages[i] = append(s.pages[i], "]}"...)
	}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page, _ := strconv.Atoi(r.URL.Query().Get("page"))
		if page < 1 || page > len(s.pages) {
			http.Error(w, "no such page", http.StatusNotFound)
			return
		}
		_, _ = w.Write(s.pages[page-1])
	}))
	b.Cleanup(s.Close)
	return s
}

// read reads all pages of the server as terrace extract does.
func (m *bench) read(b *testing.B, s *shop) time.Duration {
	return m.extract(b, paged, s.URL, nil)
}

const filed = `
source: bench
type: files
streams:
  orders:
    files: {path: ., glob: orders.ndjson}
    format: {type: ndjson}
    primary_key: [{path: $.id, type: bigint}]
`

// readFile reads the file as terrace extract does.
func (m *bench) readFile(b *testing.B) time.Duration {
	return m.extract(b, filed, "", os.DirFS(filepath.Dir(m.ndjson)))
}

func (m *bench) extract(b *testing.B, declaration, url string, project fs.FS) time.Duration {
	env := func(name string) (string, bool) { return url, name == "URL" }
	sources, problems := extract.Load(fstest.MapFS{"models/bench/ods/shop.yml": {Data: []byte(declaration)}}, env)
	require.Empty(b, problems)
	declared, store := sources[0].Streams[0], ods.New(m.db.Pool)
	require.NoError(b, store.Ensure(b.Context(), declared.Landing))
	reader := extract.NewReader(extract.Deps{Lander: store, Now: time.Now, LookupEnv: env, FS: project})
	start := time.Now()
	result, err := reader.Read(b.Context(), declared, extract.Job{RunID: uuid.New()})
	took := time.Since(start)
	require.NoError(b, err)
	require.EqualValues(b, records, result.Received)
	require.Zero(b, result.Rejected)
	return took
}
