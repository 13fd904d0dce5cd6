package extract_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/extract"
	"github.com/terrace-elt/terrace/ods"
)

// thrifty forgets what it lands, and watches the heap.
type thrifty struct {
	lander
	peak uint64
	rows int
}

func (l *thrifty) Land(ctx context.Context, page ods.Page) (ods.Landed, error) {
	if page.Turn != nil {
		<-page.Turn
	}
	l.rows += len(page.Records)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	l.peak = max(l.peak, m.HeapAlloc)
	number := page.Number
	landed, err := l.lander.Land(ctx, ods.Page{Slice: page.Slice, Number: number, Last: page.Last})
	l.pages = nil
	return landed, err
}

// stream is a file of n lines that exists nowhere.
type stream struct {
	line []byte
	n    int
}

func (s stream) reader() io.Reader {
	return io.LimitReader(&repeated{line: s.line}, int64(s.n*len(s.line)))
}

type repeated struct {
	line []byte
	at   int
}

func (r *repeated) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		c := copy(p[n:], r.line[r.at:])
		n, r.at = n+c, (r.at+c)%len(r.line)
	}
	return n, nil
}

func (s stream) Open(name string) (fs.File, error)     { return streamFile{s.reader(), s}, nil }
func (s stream) Sub(string) (fs.FS, error)             { return s, nil }
func (s stream) Stat(name string) (fs.FileInfo, error) { return streamInfo{s}, nil }

func (s stream) ReadDir(string) ([]fs.DirEntry, error) {
	return []fs.DirEntry{fs.FileInfoToDirEntry(streamInfo{s})}, nil
}

type streamFile struct {
	io.Reader
	s stream
}

func (f streamFile) Stat() (fs.FileInfo, error) { return streamInfo{f.s}, nil }
func (f streamFile) Close() error               { return nil }

type streamInfo struct{ s stream }

func (i streamInfo) Name() string       { return "big.ndjson" }
func (i streamInfo) Size() int64        { return int64(i.s.n * len(i.s.line)) }
func (i streamInfo) Mode() fs.FileMode  { return 0 }
func (i streamInfo) ModTime() time.Time { return noon }
func (i streamInfo) IsDir() bool        { return false }
func (i streamInfo) Sys() any           { return nil }

// much is how many bytes the test of memory reads: 300 MB, or what TERRACE_TEST_BYTES says, such as 2147483648.
func much(t *testing.T) int {
	t.Helper()
	text := os.Getenv("TERRACE_TEST_BYTES")
	if text == "" {
		return 300_000_000
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

// Case 51: memory does not grow with what is read. A file and a response pass through less than 100 MB. It is not parallel, so that the heap is its own.
func TestRead_needsLittleMemoryForMuchData(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 600 MB")
	}
	record := append(append([]byte(`{"id":1,"filler":"`), bytes.Repeat([]byte("x"), 480)...), '"', '}')
	n := much(t) / (len(record) + 1)
	l := &thrifty{}
	d := quick(nil, nil)
	d.Lander, d.FS = l, stream{append(bytes.Clone(record), '\n'), n}
	_, err := extract.NewReader(d).Read(t.Context(), load(t, filesYAML("*", "{type: ndjson}", ""), nil).Streams[0], extract.Job{})
	require.NoError(t, err)
	require.Equal(t, n, l.rows)
	require.Less(t, l.peak, uint64(100<<20))

	a := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"code":0,"data":{"list":[`)
		_, _ = io.Copy(w, stream{append(bytes.Clone(record), ','), n}.reader())
		fmt.Fprintf(w, `{}],"total":%d}}`, n+1)
	})
	env := map[string]string{"URL": a.URL, "CRM_TOKEN": canary}
	l = &thrifty{}
	d = quick(nil, env)
	d.Lander = l
	yaml := "limits: {max_body: 8GB, timeout: PT10M}" + paged
	_, err = extract.NewReader(d).Read(t.Context(), load(t, yaml, env).Streams[0], extract.Job{})
	require.NoError(t, err)
	require.Equal(t, n+1, l.rows)
	require.Less(t, l.peak, uint64(100<<20))
}

// The same holds for a query, however many rows it gives.
func TestQuery_needsLittleMemoryForManyRows(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 100 MB")
	}
	s := newShop(t)
	n := much(t) / 3 / 500
	l := &thrifty{}
	d := quick(nil, s.env)
	d.Lander = l
	yaml := shopYAML(fmt.Sprintf("  rows: {query: \"select i as id, repeat('x', 480) as filler from generate_series(1, %d) as i\", primary_key: [$.id]}\n", n))
	_, err := extract.NewReader(d).Read(t.Context(), load(t, yaml, s.env).Streams[0], extract.Job{})
	require.NoError(t, err)
	require.Equal(t, n, l.rows)
	require.Less(t, l.peak, uint64(100<<20))
}
