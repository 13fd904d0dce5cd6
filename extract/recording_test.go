package extract_test

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/extract"
	"github.com/terrace-elt/terrace/ods"
	"github.com/terrace-elt/terrace/tests/pgtest"
)

const recordedYAML = `
source: hall
base_url: ${URL}
auth: {type: bearer, token: "${env:CRM_TOKEN}"}
streams:
  settlements:
    primary_key: [{path: $.id, type: bigint}]
    request: {path: /s, query: {page: "${page.number}", from: "${slice.start}", key: "${env:CRM_KEY}", at: "${now(epoch_s)}"}}
    paginate: {type: page, size: 10, total: $.total}
    slices: {start: "2026-01-18", step: P1D, format: "%d"}
    records: $.data[*]
    on: [{when: "$.code == 199", do: backoff, wait: PT0.001S}]
  tickets:
    parent: {stream: settlements, keys: {id: id}, only: changed, concurrency: 4}
    primary_key: [{path: $.orderSettleId, type: bigint}]
    request: {path: "/t/${parent.id}"}
    records: $
`

// hall answers with pages, throttles, breaks off, and changes its records from call to call. Where it echoes, its records
// repeat the key that they were asked with.
func hall(t *testing.T, echoes bool) *api {
	var mu sync.Mutex
	tries := map[string]int{}
	return serve(t, func(n int, w http.ResponseWriter, r *http.Request) {
		if id, ok := strings.CutPrefix(r.URL.Path, "/t/"); ok {
			fmt.Fprintf(w, `{"orderSettleId":%s,"items":[1.10,9007199254740993]}`, id)
			return
		}
		day, _ := strconv.Atoi(r.URL.Query().Get("from"))
		page, _ := strconv.Atoi(r.URL.Query().Get("page"))
		mu.Lock()
		key := fmt.Sprint(day, page)
		tries[key]++
		odd := 0
		if tries[key] == 1 {
			odd = (day + page) % 5
		}
		mu.Unlock()
		switch odd {
		case 2:
			fmt.Fprint(w, `{"code":199}`)
			return
		case 3:
			fmt.Fprint(w, `{"total":35,"data":[{"id":1},`)
			return
		case 4:
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, `{"total":35,"da`)
			return
		}
		echo := ""
		if echoes {
			echo = r.URL.Query().Get("key")
		}
		var rows []string
		for i := (page - 1) * 10; i < min(page*10, 35); i++ {
			rows = append(rows, fmt.Sprintf(`{ "id":%d, "n":%d, "token":"%s", "x":"\u00e9"}`, day*100+i, n, echo))
		}
		w.Header().Set("Set-Cookie", "session="+canary)
		fmt.Fprintf(w, `{"total":35,"data":[%s]}`, strings.Join(rows, ","))
	})
}

// copyOf reads the streams of a declaration into a database of its own.
type copyOf struct {
	*testing.T
	db    *pgtest.DB
	store *ods.Store
	deps  extract.Deps
}

func newCopy(t *testing.T, env map[string]string) *copyOf {
	t.Helper()
	db := pgtest.New(t)
	c := &copyOf{T: t, db: db, store: ods.New(db.Pool), deps: quick(nil, env)}
	c.deps.Lander = c.store
	clock := noon
	c.deps.Now = func() time.Time { return clock }
	return c
}

func (c *copyOf) read(s *extract.Source, streams ...string) error {
	c.Helper()
	reader := extract.NewReader(c.deps)
	for _, stream := range s.Streams {
		if len(streams) > 0 && !strings.HasSuffix(stream.Name, "."+streams[0]) {
			continue
		}
		require.NoError(c, c.store.Ensure(c.Context(), stream.Landing))
		if _, err := reader.Read(c.Context(), stream, extract.Job{RunID: uuid.New()}); err != nil {
			return err
		}
	}
	return nil
}

// content is everything of a stream that does not name the process that landed it.
func (c *copyOf) content(stream string) []string {
	c.Helper()
	return column(c.T, c.db, fmt.Sprintf(`
select concat_ws('|', payload::text, encode(_hash, 'hex'), _seen_at::text, _superseded_at::text)
from crm_ods.%s__versions
order by payload ->> 'id', payload ->> 'orderSettleId', _seen_at, _hash`, stream))
}

func openRoot(t *testing.T, dir string) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, root.Close()) })
	return root
}

// noNetwork fails the test when it is used.
type noNetwork struct{ t *testing.T }

func (n noNetwork) RoundTrip(r *http.Request) (*http.Response, error) {
	n.t.Errorf("asked for %s", r.URL)
	return nil, fs.ErrInvalid
}

// record reads everything while recording it.
func record(t *testing.T, echoes bool) (dir string, original *copyOf) {
	t.Helper()
	a := hall(t, echoes)
	env := map[string]string{"URL": a.URL, "CRM_TOKEN": canary, "CRM_KEY": "k3y-of-the-source"}
	dir = t.TempDir()
	recorder, err := extract.NewRecorder(openRoot(t, dir))
	require.NoError(t, err)
	original = newCopy(t, env)
	original.deps.Recorder = recorder
	require.NoError(t, original.read(load(t, recordedYAML, env)))
	require.NoError(t, recorder.Close())
	return dir, original
}

func TestReplay_landsTheSameBytesWithoutNetworkAndCredentials(t *testing.T) {
	t.Parallel()
	dir, original := record(t, false)
	recording, err := extract.OpenRecording(openRoot(t, dir))
	require.NoError(t, err)
	require.Equal(t, []string{"crm_ods.settlements", "crm_ods.tickets"}, recording.Streams())

	replayed := newCopy(t, nil)
	replayed.deps.Recording, replayed.deps.Transport = recording, noNetwork{t}
	later := noon.AddDate(0, 3, 0)
	replayed.deps.Now = func() time.Time { return later }
	require.NoError(t, replayed.read(load(t, recordedYAML, map[string]string{"URL": "http://127.0.0.1:1"})))

	require.Len(t, original.content("settlements"), 105)
	for _, stream := range []string{"settlements", "tickets"} {
		require.Equal(t, original.content(stream), replayed.content(stream))
	}
	require.Equal(t,
		column(t, original.db, `select range_start::text || range_end from terrace.slice where kind = 'window' order by 1`),
		column(t, replayed.db, `select range_start::text || range_end from terrace.slice where kind = 'window' order by 1`))
}

func TestRecord_keepsNoCredential(t *testing.T) {
	t.Parallel()
	dir, _ := record(t, true)
	require.Greater(t, requireNowhere(t, dir, canary, "k3y-of-the-source"), 100)
}

// A token is fetched on the way to a page, also in the middle of a reading. It is no answer of the stream: it is not
// recorded, and not given for a page when the recording is replayed.
func TestRecord_keepsNoTokenThatWasFetched(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	dir := t.TempDir()
	recorder, err := extract.NewRecorder(openRoot(t, dir))
	require.NoError(t, err)
	original := newCopy(t, i.env())
	original.deps.Recorder = recorder
	original.deps.Progress = func(e extract.Event) {
		if e.Result.Pages == 3 {
			i.expire()
		}
	}
	require.NoError(t, original.read(load(t, called, i.env())))
	require.NoError(t, recorder.Close())
	require.Len(t, i.asked(), 2)
	require.Len(t, original.content("orders"), 10)
	require.Positive(t, requireNowhere(t, dir, canary, "tok3n-1", "tok3n-2"))

	recording, err := extract.OpenRecording(openRoot(t, dir))
	require.NoError(t, err)
	replayed := newCopy(t, nil)
	replayed.deps.Recording, replayed.deps.Transport = recording, noNetwork{t}
	require.NoError(t, replayed.read(load(t, called, map[string]string{"URL": "http://127.0.0.1:1"})))
	require.Equal(t, original.content("orders"), replayed.content("orders"))
}

// requireNowhere looks for secrets in all files of a recording, and counts those.
func requireNowhere(t *testing.T, dir string, secrets ...string) (files int) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		files++
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		if strings.HasSuffix(path, ".zst") {
			z, err := zstd.NewReader(bytes.NewReader(raw))
			require.NoError(t, err)
			raw, err = io.ReadAll(z)
			require.NoError(t, err)
			z.Close()
		}
		for _, secret := range secrets {
			require.NotContains(t, string(raw), secret, path)
		}
		return nil
	}))
	return files
}

func TestOpenRecording_tellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	dir, _ := record(t, false)
	index, err := os.ReadFile(filepath.Join(dir, "recording.jsonl"))
	require.NoError(t, err)
	lines := bytes.SplitAfter(index, []byte("\n"))
	answer := someAnswer(t, index)
	for name, c := range map[string]struct {
		change func(t *testing.T, dir string)
		want   string
	}{
		"a changed body": {func(t *testing.T, dir string) {
			raw, err := os.ReadFile(filepath.Join(dir, answer))
			require.NoError(t, err)
			raw[len(raw)-6] ^= 1
			require.NoError(t, os.WriteFile(filepath.Join(dir, answer), raw, 0o600))
		}, answer + " is not as it was recorded"},
		"a body that is gone": {func(t *testing.T, dir string) { require.NoError(t, os.Remove(filepath.Join(dir, answer))) }, "lacks a file"},
		"another form":        {rewrite(index, `{"terrace_recording":1}`, `{"terrace_recording":0}`), "has form 0, this terrace reads form 1"},
		"no form":             {rewrite(index, `{"terrace_recording":1}`, `{}`), "has form 0"},
		"a killed run":        {rewrite(index, string(lines[len(lines)-2]), ""), "is not complete"},
		"half a line":         {rewrite(index, string(lines[len(lines)-2]), `{"end":`), "is not complete"},
		"a line taken out":    {rewrite(index, string(lines[3]), ""), "the recording was changed"},
		"a line put in":       {rewrite(index, string(lines[len(lines)-2]), string(lines[len(lines)-2])+string(lines[1])), "the recording was changed"},
		"an unknown key":      {rewrite(index, `{"exchange":{`, `{"exchange":{"command":"x",`), "the recording was changed"},
		"a way out":           {rewrite(index, answer, `../../../../../../../../etc/passwd`), "lacks a file"},
		"no recording":        {func(t *testing.T, dir string) { require.NoError(t, os.Remove(filepath.Join(dir, "recording.jsonl"))) }, "holds no recording"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := t.TempDir()
			require.NoError(t, os.CopyFS(changed, os.DirFS(dir)))
			c.change(t, changed)
			_, err := extract.OpenRecording(openRoot(t, changed))
			require.ErrorContains(t, err, c.want)
			var e *extract.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, extract.Settings, e.Kind)
		})
	}
}

func rewrite(index []byte, from, to string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		changed := bytes.Replace(index, []byte(from), []byte(to), 1)
		require.NotEqual(t, index, changed)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "recording.jsonl"), changed, 0o600))
	}
}

// A link in the folder does not lead out of it.
func TestOpenRecording_followsNoLinkOutOfTheFolder(t *testing.T) {
	t.Parallel()
	dir, _ := record(t, false)
	index, err := os.ReadFile(filepath.Join(dir, "recording.jsonl"))
	require.NoError(t, err)
	inside := filepath.Join(dir, someAnswer(t, index))
	outside := filepath.Join(t.TempDir(), "000001.zst")
	require.NoError(t, os.Rename(inside, outside))
	require.NoError(t, os.Symlink(outside, inside))
	_, err = extract.OpenRecording(openRoot(t, dir))
	require.ErrorContains(t, err, "lacks a file")
}

// someAnswer is the file of an answer: which of them are there depends on what broke off.
func someAnswer(t *testing.T, index []byte) string {
	t.Helper()
	found := regexp.MustCompile(`"file":"([^"]+)"`).FindSubmatch(index)
	require.NotNil(t, found)
	return string(found[1])
}

func TestReplay_refusesADeclarationThatAsksForSomethingElse(t *testing.T) {
	t.Parallel()
	dir, _ := record(t, false)
	recording, err := extract.OpenRecording(openRoot(t, dir))
	require.NoError(t, err)
	c := newCopy(t, nil)
	c.deps.Recording, c.deps.Transport = recording, noNetwork{t}
	yaml := strings.Replace(recordedYAML, "{type: page, size: 10", "{type: page, start: 0, size: 10", 1)
	err = c.read(load(t, yaml, map[string]string{"URL": "http://127.0.0.1:1"}), "settlements")
	require.ErrorContains(t, err, "no answer to this request")
	require.Empty(t, c.content("settlements"))

	yaml = strings.ReplaceAll(recordedYAML, "settlements", "bills")
	err = c.read(load(t, yaml, map[string]string{"URL": "http://127.0.0.1:1"}), "bills")
	require.ErrorContains(t, err, "no reading of crm_ods.bills")
}

func TestNewRecorder_refusesAFolderWithARecording(t *testing.T) {
	t.Parallel()
	dir, _ := record(t, false)
	_, err := extract.NewRecorder(openRoot(t, dir))
	require.ErrorContains(t, err, "holds a recording already")
}

// What was only fetched lands later, and is then what landing at once would have made of it.
func TestFetchOnly_recordsWithoutLanding(t *testing.T) {
	t.Parallel()
	a := hall(t, false)
	env := map[string]string{"URL": a.URL, "CRM_TOKEN": canary, "CRM_KEY": "k3y-of-the-source"}
	dir := t.TempDir()
	recorder, err := extract.NewRecorder(openRoot(t, dir))
	require.NoError(t, err)
	fetched := newCopy(t, env)
	fetched.deps.Lander, fetched.deps.Recorder = extract.FetchOnly(fetched.store), recorder
	s := load(t, recordedYAML, env)
	require.NoError(t, fetched.read(s, "settlements"))
	require.ErrorContains(t, fetched.read(s, "tickets"), "which nothing is landed in")
	require.NoError(t, recorder.Close())
	require.Empty(t, fetched.content("settlements"))
	require.Empty(t, column(t, fetched.db, `select stream from terrace.slice union select stream from terrace.cursor union select node from terrace.batch`))

	recording, err := extract.OpenRecording(openRoot(t, dir))
	require.NoError(t, err)
	asked := a.requests()
	landed := newCopy(t, nil)
	landed.deps.Recording = recording
	require.NoError(t, landed.read(s, "settlements"))
	require.Len(t, landed.content("settlements"), 105)
	require.Equal(t, asked, a.requests())
	state, err := landed.store.State(t.Context(), "crm_ods.settlements")
	require.NoError(t, err)
	require.Equal(t, noon, state.Watermarks[""].UTC(), "the watermark is that of the fetching")
}

// A large body is recorded while it streams by, and a credential on the border of two pieces is found.
func TestRecord_streamsLargeBodies(t *testing.T) {
	t.Parallel()
	const n = 60_000
	pad := strings.Repeat("x", 150)
	a := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"code":0,"data":{"total":%d,"list":[`, n)
		for i := range n {
			comma := ","
			if i == n-1 {
				comma = ""
			}
			fmt.Fprintf(w, `{"id":%d,"t":%q,"p":%q}%s`, i, canary, pad, comma)
		}
		fmt.Fprint(w, `]}}`)
	})
	env := map[string]string{"URL": a.URL, "CRM_TOKEN": canary}
	yaml := "limits: {timeout: PT1H}" + paged
	dir := t.TempDir()
	recorder, err := extract.NewRecorder(openRoot(t, dir))
	require.NoError(t, err)
	l := &lander{}
	d := quick(l, env)
	d.Recorder = recorder
	_, err = extract.NewReader(d).Read(t.Context(), load(t, yaml, env).Streams[0], extract.Job{})
	require.NoError(t, err)
	require.NoError(t, recorder.Close())

	recording, err := extract.OpenRecording(openRoot(t, dir))
	require.NoError(t, err)
	again := &lander{}
	d = quick(again, nil)
	d.Recording = recording
	_, err = extract.NewReader(d).Read(t.Context(), load(t, yaml, env).Streams[0], extract.Job{})
	require.NoError(t, err)
	redacted := strings.ReplaceAll(strings.Join(l.records(), "\n"), canary, "***")
	require.Equal(t, n, strings.Count(redacted, "***"))
	require.True(t, redacted == strings.Join(again.records(), "\n"))
}

// A recording of a window has no listing of what is still there, and its replay deletes nothing.
func TestReplay_ofAWindowDeletesNothing(t *testing.T) {
	t.Parallel()
	a := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/ids" {
			fmt.Fprint(w, `[1]`)
			return
		}
		fmt.Fprint(w, `[{"id":1},{"id":2}]`)
	})
	yaml := `
source: hall
base_url: ${URL}
streams:
  guests:
    primary_key: [{path: $.id, type: bigint}]
    request: {path: /s, query: {from: "${slice.start}"}}
    slices: {start: "2026-01-18", step: none}
    records: $[*]
    deletes: {sweep: {path: /ids, records: "$[*]", key: $}}
`
	env := map[string]string{"URL": a.URL}
	dir := t.TempDir()
	recorder, err := extract.NewRecorder(openRoot(t, dir))
	require.NoError(t, err)
	original := newCopy(t, env)
	original.deps.Recorder = recorder
	s := load(t, yaml, env).Streams[0]
	require.NoError(t, original.store.Ensure(t.Context(), s.Landing))
	_, err = extract.NewReader(original.deps).Read(t.Context(), s, extract.Job{RunID: uuid.New(), Window: extract.Window{From: noon.AddDate(0, 0, -1)}})
	require.NoError(t, err)
	require.NoError(t, recorder.Close())

	replayed := newCopy(t, nil)
	replayed.deps.Recording, err = extract.OpenRecording(openRoot(t, dir))
	require.NoError(t, err)
	require.NoError(t, replayed.read(load(t, yaml, map[string]string{"URL": "http://127.0.0.1:1"})))
	require.Equal(t, []string{"2"}, column(t, replayed.db, "select count(*)::text from crm_ods.guests where _deleted_at is null"))
}
