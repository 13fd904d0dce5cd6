package extract_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/extract"
	"github.com/terrace-elt/terrace/ods"
	"github.com/terrace-elt/terrace/tests/pgtest"
	"github.com/terrace-elt/terrace/tests/s3test"
)

// lake is a source of type s3 with its server, its warehouse, and a look at what goes over the wire.
type lake struct {
	*testing.T
	*s3test.Server
	wire
	db     *pgtest.DB
	store  *ods.Store
	env    map[string]string
	stream *extract.Stream
}

func newLake(t *testing.T, streamYAML string) *lake {
	t.Helper()
	s := s3test.New(t)
	db := pgtest.New(t)
	l := &lake{T: t, Server: s, db: db, store: ods.New(db.Pool)}
	l.env = map[string]string{"S3_ENDPOINT": s.Endpoint, "S3_ACCESS_KEY": s.AccessKey, "S3_SECRET_KEY": s.SecretKey}
	yaml := `
source: lake
type: s3
endpoint: ${S3_ENDPOINT}
path_style: true
region: us-east-1
auth: {access_key: "${env:S3_ACCESS_KEY}", secret_key: "${env:S3_SECRET_KEY}"}
streams:
  rows:
    primary_key: [{path: $.id, type: bigint}]
` + streamYAML
	l.stream = load(t, yaml, l.env).Streams[0]
	require.NoError(t, l.store.Ensure(t.Context(), l.stream.Landing))
	return l
}

func (l *lake) read() (extract.Result, error) {
	l.Helper()
	d := quick(nil, l.env)
	d.Lander, d.Transport = l.store, &l.wire
	return extract.NewReader(d).Read(l.Context(), l.stream, extract.Job{RunID: uuid.New()})
}

// query gives the first column of a statement's rows.
func (l *lake) query(sql string) []string {
	l.Helper()
	return column(l.T, l.db, sql)
}

// wire passes requests on, and lets a test see and disturb them.
type wire struct {
	mu    sync.Mutex
	gets  []string // of objects: path and range
	lists int
	// onGet is called before an object is asked for, and may change its answer.
	onGet func(nth int) (change func(*http.Response))
}

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var change func(*http.Response)
	if req.URL.Query().Has("list-type") {
		w.lists++
	} else {
		w.gets = append(w.gets, strings.TrimSpace(req.URL.Path+" "+req.Header.Get("Range")))
		if w.onGet != nil {
			change = w.onGet(len(w.gets))
		}
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err == nil && change != nil {
		change(resp)
	}
	return resp, err
}

func column(t *testing.T, db *pgtest.DB, sql string) (out []string) {
	t.Helper()
	rows, err := db.Pool.Query(t.Context(), sql)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var text *string
		require.NoError(t, rows.Scan(&text))
		if text == nil {
			out = append(out, "-")
			continue
		}
		out = append(out, *text)
	}
	require.NoError(t, rows.Err())
	return out
}

const (
	bucketOfLines = "    files: {bucket: landing, prefix: in/, glob: \"**/*.ndjson*\"}\n    format: {type: ndjson}\n"
	landedRows    = `select id || '=' || (payload ->> 'v') || ' ' || _file || ':' || _line from crm_ods.rows order by id`
)

func gzipped(text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return b.Bytes()
}

func zstdOf(text string) []byte {
	z, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	return z.EncodeAll([]byte(text), nil)
}

// Cases 59 and 60 of 4.5: an object is known by key and etag, whatever signs its key has and however it was compressed.
func TestReadS3_landsObjectsOnceAndAgainWhenTheyChange(t *testing.T) {
	t.Parallel()
	l := newLake(t, bucketOfLines)
	l.Put(t, "in/a.ndjson", []byte(`{"id":1,"v":1.10}`+"\n"))
	l.Put(t, "in/2026/50% of ü+文件.ndjson.gz", gzipped(`{"id":2,"v":2}`+"\n"+`{"id":3,"v":3}`))
	l.Put(t, "in/2026/z.ndjson.zst", zstdOf(`{"id":4,"v":4}`))
	l.Put(t, "in/readme.txt", []byte("no record"))
	l.Put(t, "elsewhere/a.ndjson", []byte(`{"id":9,"v":9}`))

	result, err := l.read()
	require.NoError(t, err)
	require.EqualValues(t, 4, result.Inserted)
	require.Equal(t, 3, result.SlicesDone)
	require.Equal(t, []string{
		"1=1.10 s3://landing/in/a.ndjson:1", "2=2 s3://landing/in/2026/50% of ü+文件.ndjson.gz:1",
		"3=3 s3://landing/in/2026/50% of ü+文件.ndjson.gz:2", "4=4 s3://landing/in/2026/z.ndjson.zst:1",
	}, l.query(landedRows))

	gets := len(l.gets)
	result, err = l.read()
	require.NoError(t, err)
	require.Zero(t, result.Slices)
	require.Len(t, l.gets, gets, "an unchanged object is not asked for")

	l.Put(t, "in/a.ndjson", []byte(`{"id":1,"v":7}`+"\n"))
	l.Put(t, "in/copy.ndjson.gz", gzipped(`{"id":2,"v":2}`+"\n"+`{"id":3,"v":3}`))
	result, err = l.read()
	require.NoError(t, err)
	require.Equal(t, 2, result.SlicesDone)
	require.EqualValues(t, 1, result.Updated)
	require.EqualValues(t, 2, result.Unchanged, "the same content under another key writes nothing")
	require.Len(t, l.gets, gets+2)
	require.Equal(t, []string{"2"}, l.query(`
select count(*)::text from terrace.slice
where meta ->> 'path' in ('s3://landing/in/copy.ndjson.gz', 's3://landing/in/2026/50% of ü+文件.ndjson.gz')
group by meta ->> 'sha256'`), "the ledger shows that the content is the same")
	require.Equal(t, []string{"2"}, l.query(`select count(*)::text from crm_ods.rows__versions where id = 1`))

	l.Put(t, "in/a.ndjson", []byte(`{"id":1,"v":1.10}`+"\n"))
	result, err = l.read()
	require.NoError(t, err)
	require.EqualValues(t, 1, result.Updated, "an object that is put back to what it was has changed")
	result, err = l.read()
	require.NoError(t, err)
	require.Zero(t, result.Slices)
}

func TestReadS3_readsDocumentsAndTables(t *testing.T) {
	t.Parallel()
	l := newLake(t, "    files: {bucket: landing, glob: \"*.json\"}\n    format: {type: json}\n    records: $.rows[*]\n")
	l.Put(t, "a.json", []byte("{\"rows\":[\n{\"id\":1,\"v\":1},\n{\"id\":2,\"v\":2}]}"))
	l.Put(t, "b.json", []byte(`{"rows":[{"id":3,"v":3},`))
	result, err := l.read()
	require.ErrorContains(t, err, "s3://landing/b.json")
	require.True(t, result.Partial())
	require.Equal(t, []string{"1=1 s3://landing/a.json:2", "2=2 s3://landing/a.json:3"}, l.query(landedRows))
}

// Case 58: what was replaced after it had been listed is listed again, and nothing of a mixture is landed as whole.
func TestReadS3_listsAgainWhenAnObjectIsReplacedBeforeItIsRead(t *testing.T) {
	t.Parallel()
	l := newLake(t, bucketOfLines)
	l.Put(t, "in/a.ndjson", []byte(`{"id":1,"v":"old"}`))
	l.Put(t, "in/b.ndjson", []byte(`{"id":2,"v":"gone"}`))
	l.onGet = func(nth int) func(*http.Response) {
		if nth == 1 {
			l.Put(t, "in/a.ndjson", []byte(`{"id":1,"v":"new"}`))
			l.Remove(t, "in/b.ndjson")
		}
		return nil
	}
	result, err := l.read()
	require.NoError(t, err)
	require.Equal(t, 1, result.SlicesDone)
	require.Zero(t, result.SlicesFailed)
	require.Equal(t, 2, l.lists)
	require.Equal(t, []string{"1=new s3://landing/in/a.ndjson:1"}, l.query(landedRows))
	status, err := l.store.Status(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, status[0].Failed, "only that of the object that is gone: nothing can make up for it")
}

func TestReadS3_failsWhenAnObjectIsReplacedAllTheTime(t *testing.T) {
	t.Parallel()
	l := newLake(t, bucketOfLines)
	l.Put(t, "in/a.ndjson", []byte(`{"id":1,"v":0}`))
	l.onGet = func(nth int) func(*http.Response) {
		l.Put(t, "in/a.ndjson", fmt.Appendf(nil, `{"id":1,"v":%d}`, nth))
		return nil
	}
	result, err := l.read()
	require.ErrorContains(t, err, "replaced or removed")
	require.Equal(t, 1, result.SlicesFailed)
	require.Equal(t, 3, l.lists)
	require.Empty(t, l.query(landedRows))
}

// Case 47, for objects: a connection that breaks costs a request for the rest, and neither a record nor a duplicate.
func TestReadS3_goesOnWhereAConnectionBroke(t *testing.T) {
	t.Parallel()
	l := newLake(t, bucketOfLines)
	var text strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&text, "{\"id\":%d,\"v\":\"%08d\"}\n", i, i)
	}
	l.Put(t, "in/a.ndjson", []byte(text.String()))
	l.onGet = func(nth int) func(*http.Response) {
		if nth > 2 {
			return nil
		}
		return func(resp *http.Response) {
			resp.Body = brokenBody{io.LimitReader(resp.Body, 100_003), resp.Body}
		}
	}
	result, err := l.read()
	require.NoError(t, err)
	require.EqualValues(t, 20_000, result.Inserted)
	require.Equal(t, []string{
		"/landing/in/a.ndjson", "/landing/in/a.ndjson bytes=100003-", "/landing/in/a.ndjson bytes=200006-",
	}, l.gets)
	require.Equal(t, []string{"20000 20000"}, l.query(`select count(*) || ' ' || max(_line) from crm_ods.rows where payload ->> 'v' = lpad(id::text, 8, '0')`))
}

// brokenBody breaks off where the reader ends.
type brokenBody struct {
	io.Reader
	io.Closer
}

func (b brokenBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = errors.New("connection reset by peer")
	}
	return n, err
}

func TestReadS3_saysWhatIsWrongWithoutTheSecret(t *testing.T) {
	t.Parallel()
	l := newLake(t, bucketOfLines)
	secret := l.env["S3_SECRET_KEY"]
	for _, c := range []struct {
		name, variable, value string
		kind                  extract.ErrorKind
	}{
		{"a wrong secret", "S3_SECRET_KEY", "not-the-secret-key", extract.Auth},
		{"an unknown key", "S3_ACCESS_KEY", "nobody-access", extract.Auth},
	} {
		before := l.env[c.variable]
		l.env[c.variable] = c.value
		_, err := l.read()
		l.env[c.variable] = before
		var e *extract.Error
		require.ErrorAs(t, err, &e, c.name)
		require.Equal(t, c.kind, e.Kind, "%s: %v", c.name, err)
		require.NotContains(t, err.Error()+e.Hint, secret)
		require.NotContains(t, err.Error()+e.Hint, "not-the-secret-key")
		require.Contains(t, e.Hint, "S3_ACCESS_KEY and S3_SECRET_KEY")
	}
	delete(l.env, "S3_SECRET_KEY")
	_, err := l.read()
	require.ErrorContains(t, err, "S3_SECRET_KEY")
	l.env["S3_SECRET_KEY"] = secret

	require.NoError(t, l.Client.RemoveBucket(t.Context(), l.Bucket))
	_, err = l.read()
	var e *extract.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, extract.Settings, e.Kind)
	require.Contains(t, err.Error(), "LIST s3://landing/in/")
}

// A listing takes as many requests as there are thousands of objects.
func TestReadS3_followsTheListingToItsEnd(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("stores 1,205 objects")
	}
	l := newLake(t, bucketOfLines)
	const n = 1205
	for i := range n {
		l.Put(t, fmt.Sprintf("in/%04d.ndjson", i), fmt.Appendf(nil, `{"id":%d,"v":1}`, i))
	}
	result, err := l.read()
	require.NoError(t, err)
	require.EqualValues(t, n, result.Inserted)
	require.Equal(t, 2, l.lists)
}

func TestLoad_tellsWhatASourceInS3Lacks(t *testing.T) {
	t.Parallel()
	_, problems := loadText(`
source: lake
type: s3
endpoint: https://host/bucket
base_url: https://host
auth: {type: bearer, access_key: "${env:K}"}
streams:
  rows: {files: {glob: "*", path: data}, format: {type: ndjson}}
`)
	require.Equal(t, []string{
		"4: endpoint is no address",
		"5: base_url does not belong to a source of type s3",
		`6: auth of a source of type s3 needs "access_key" and "secret_key"`,
		"6: auth.type does not belong to a source of type s3",
		`8: files lack "bucket"`,
		"8: path does not belong to a source of type s3",
	}, problems)
	_, problems = loadText("source: x\nbase_url: http://h\nendpoint: http://h\nauth: {type: none, secret_key: x}\nstreams: {}\n")
	require.Contains(t, problems, "3: endpoint does not belong to a source of type http")
	require.Contains(t, problems, "4: auth.secret_key does not belong to a source of type http")
}

// latecomer answers the first objects last, and counts how many are asked for at once: the first waits until there are as
// many as there may be, unless that takes for ever.
type latecomer struct {
	mu            sync.Mutex
	asked, flying int
	most          int
	full          chan struct{} // closed when four are asked for
}

func (l *latecomer) RoundTrip(req *http.Request) (*http.Response, error) {
	if !req.URL.Query().Has("list-type") {
		l.mu.Lock()
		l.asked++
		l.flying++
		l.most = max(l.most, l.flying)
		if l.asked == 4 {
			close(l.full)
		}
		wait := time.Duration(20-l.asked) * 10 * time.Millisecond
		l.mu.Unlock()
		select {
		case <-l.full:
		case <-time.After(5 * time.Minute):
		}
		time.Sleep(max(wait, 0))
		defer func() { l.mu.Lock(); l.flying--; l.mu.Unlock() }()
	}
	return http.DefaultTransport.RoundTrip(req)
}

// Objects are read several at once, and landed in the order of their keys: what the last one says of a record is current.
func TestReadS3_readsAtOnceAndLandsInOrder(t *testing.T) {
	t.Parallel()
	l := newLake(t, bucketOfLines)
	for i := range 12 {
		l.Put(t, fmt.Sprintf("in/%02d.ndjson", i), fmt.Appendf(nil, "{\"id\":1,\"v\":%d}\n{\"id\":%d,\"v\":0}\n", i, 100+i))
	}
	late := &latecomer{full: make(chan struct{})}
	d := quick(nil, l.env)
	d.Lander, d.Transport = l.store, late
	result, err := extract.NewReader(d).Read(t.Context(), l.stream, extract.Job{RunID: uuid.New()})
	require.NoError(t, err)
	require.Equal(t, 12, result.SlicesDone)
	require.Equal(t, 4, late.most)
	require.Equal(t, []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"},
		l.query(`select payload ->> 'v' from crm_ods.rows__versions where id = 1 order by _version`))
	require.Equal(t, []string{"11"}, l.query(`select payload ->> 'v' from crm_ods.rows where id = 1`))
}
