package extract_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"

	"github.com/terrace-elt/terrace/extract"
	"github.com/terrace-elt/terrace/ods"
	"github.com/terrace-elt/terrace/tests/pgtest"
)

func filesYAML(glob, format, more string) string {
	return fmt.Sprintf("source: lake\ntype: files\nstreams:\n  rows:\n    files: {path: data, glob: %q}\n    format: %s\n%s", glob, format, more)
}

func readFiles(t *testing.T, yaml string, fsys fstest.MapFS, l *lander) (extract.Result, error) {
	t.Helper()
	d := quick(l, nil)
	d.FS = fsys
	return extract.NewReader(d).Read(t.Context(), load(t, yaml, nil).Streams[0], extract.Job{})
}

func file(content string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte(content), ModTime: noon.Add(-time.Hour)}
}

func TestRead_landsLinesAndRejectsTheBadOnes(t *testing.T) {
	t.Parallel()
	l := &lander{}
	fsys := fstest.MapFS{
		"data/b.ndjson":     file("\ufeff{\"id\":1.10}\r\n\n  {\"id\":2} \nnot json\n{\"id\":3}{\"id\":4}\n{\"id\":5}"),
		"data/a.ndjson":     file("{\"id\":\"\xff\"}\n{\"id\":6,\"x\":\"\\u0000\"}\n"),
		"data/c.txt":        file("{}"),
		"data/empty.ndjson": file(""),
	}

	result, err := readFiles(t, filesYAML("*.ndjson", "{type: ndjson}", ""), fsys, l)
	l.sort()

	require.NoError(t, err)
	require.Equal(t, []string{`{"id":6,"x":"\u0000"}`, `{"id":1.10}`, `{"id":2}`, `{"id":5}`}, l.records())
	require.Equal(t, []ods.Reject{
		{Raw: []byte("{\"id\":\"\xff\"}"), Reason: "encoding", Message: "the line has bytes that are not of the file's encoding", Place: "data/a.ndjson:1"},
		{Raw: []byte("not json"), Reason: "not_json", Message: l.rejects()[1].Message, Place: "data/b.ndjson:4"},
		{Raw: []byte(`{"id":3}{"id":4}`), Reason: "not_json", Message: "something follows the value at byte 9", Place: "data/b.ndjson:5"},
	}, l.rejects())
	require.Equal(t, []string{"done", "done", "done"}, l.states())
	require.Equal(t, "data/b.ndjson", l.pages[1].Records[1].File)
	require.EqualValues(t, 3, l.pages[1].Records[1].Line)
	require.Equal(t, 3, result.SlicesDone)
	require.EqualValues(t, 3, result.Rejected)
}

func compress(t *testing.T, kind, text string) string {
	t.Helper()
	var b bytes.Buffer
	if kind == "gz" {
		w := gzip.NewWriter(&b)
		_, err := w.Write([]byte(text))
		require.NoError(t, err)
		require.NoError(t, w.Close())
		return b.String()
	}
	w, err := zstd.NewWriter(&b)
	require.NoError(t, err)
	_, err = w.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

// Case 57, and compression found by its first bytes.
func TestRead_decodesEncodingsAndCompression(t *testing.T) {
	t.Parallel()
	text := "名称,价\n\"台球, 一号\",1.10\n€𠀀,NULL\n"
	gb, err := simplifiedchinese.GB18030.NewEncoder().String(text)
	require.NoError(t, err)
	wide, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(text)
	require.NoError(t, err)
	want := []string{`{"名称":"台球, 一号","价":"1.10"}`, `{"名称":"€𠀀","价":null}`}
	for name, c := range map[string]struct{ encoding, content string }{
		"utf-8": {"utf-8", text}, "with a mark": {"utf-8", "\ufeff" + text}, "gbk": {"gbk", gb}, "gb18030": {"gb18030", gb},
		"utf-16": {"utf-16le", wide}, "utf-16 by its mark": {"utf-8", wide}, "gz": {"utf-8", compress(t, "gz", text)},
		"zstd of gbk": {"gbk", compress(t, "zstd", gb)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &lander{}
			_, err := readFiles(t, filesYAML("*", `{type: csv, encoding: `+c.encoding+`, "null": ["NULL"]}`, ""), fstest.MapFS{"data/x": file(c.content)}, l)
			require.NoError(t, err)
			require.Equal(t, want, l.records())
		})
	}
	l := &lander{}
	_, err = readFiles(t, filesYAML("*", "{type: csv, encoding: gbk}", ""), fstest.MapFS{"data/x": file("a\nok\n\xff\xff\nok\n")}, l)
	require.NoError(t, err)
	require.Len(t, l.records(), 2)
	require.Equal(t, "\xff\xff", string(l.rejects()[0].Raw))
}

// Case 56.
func TestRead_landsCSVAsItIsFoundInTheWild(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		format, content string
		records         []string
		rejects         []string // reason:place
	}{
		"quotes, line ends inside, CRLF": {"{type: csv}", "a,b\r\n\"x\"\"y\",\"1\r\n2\"\r\nlast,", []string{`{"a":"x\"y","b":"1\n2"}`, `{"a":"last","b":""}`}, nil},
		"ragged rows":                    {"{type: csv}", "a,b\n1\n1,2,3\n1,2\n", []string{`{"a":"1","b":"2"}`}, []string{"ragged:data/x:2", "ragged:data/x:3"}},
		"a stray quote":                  {"{type: csv}", "a,b\n1,x\"y\n\"1\"z,2\n1,2\n", []string{`{"a":"1","b":"2"}`}, []string{"csv:data/x:2", "csv:data/x:3"}},
		"a quote never closed":           {"{type: csv}", "a,b\n1,2\n1,\"2\n3,4\n", []string{`{"a":"1","b":"2"}`}, []string{"csv:data/x:3"}},
		"header only":                    {"{type: csv}", "a,b\n", nil, nil},
		"nothing":                        {"{type: csv}", "", nil, nil},
		"empty lines":                    {"{type: csv}", "\na\n\n1\n\n", []string{`{"a":"1"}`}, nil},
		"without header":                 {"{type: csv, header: false}", "1,2\n3,4\n", []string{`{"column_1":"1","column_2":"2"}`, `{"column_1":"3","column_2":"4"}`}, nil},
		"other signs":                    {`{type: csv, delimiter: ";", quote: "'"}`, "a;b\n'x;''y';\"2\"\n", []string{`{"a":"x;'y","b":"\"2\""}`}, nil},
		"no quotes at all":               {`{type: csv, delimiter: "\t", quote: ""}`, "a\tb\n\"x\ty\"\n", []string{`{"a":"\"x","b":"y\""}`}, nil},
		"numbers stay text":              {`{type: csv, "null": ["", "NULL"]}`, "a,b\n000001,NULL\n1e5,\n", []string{`{"a":"000001","b":null}`, `{"a":"1e5","b":null}`}, nil},
		"carriage returns alone":         {"{type: csv}", "a,b\r1,2\r\"x\ry\",3\r4\r5,6", []string{`{"a":"1","b":"2"}`, `{"a":"x\ny","b":"3"}`, `{"a":"5","b":"6"}`}, []string{"ragged:data/x:5"}},
		"a carriage return in a cell":    {"{type: csv}", "a\n\"x\ry\"\n", []string{`{"a":"x\ry"}`}, nil},
		"one in the header":              {"{type: csv, header: false}", "\"a\rb\"", []string{`{"column_1":"a\rb"}`}, nil},
		"alone, and wide":                {"{type: csv}", "\xff\xfea\x00\r\x001\x00\r\x00", []string{`{"a":"1"}`}, nil},
		"NUL":                            {"{type: csv}", "a\nx\x00y\n", []string{`{"a":"x\u0000y"}`}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &lander{}
			_, err := readFiles(t, filesYAML("*", c.format, ""), fstest.MapFS{"data/x": file(c.content)}, l)
			require.NoError(t, err)
			require.Equal(t, c.records, l.records())
			var rejects []string
			for _, r := range l.rejects() {
				rejects = append(rejects, r.Reason+":"+r.Place)
			}
			require.Equal(t, c.rejects, rejects)
		})
	}
	for name, header := range map[string]string{"twice": "a,b,a\n", "unnamed": "a,,b\n", "broken": "a,b\"c\n"} {
		l := &lander{}
		_, err := readFiles(t, filesYAML("*", "{type: csv}", ""), fstest.MapFS{"data/x": file(header + "1,2,3\n")}, l)
		requireKind(t, err, extract.UnexpectedContent)
		require.Equal(t, []string{"failed"}, l.states(), name)
	}
}

// FuzzCSV compares with the standard library, where that takes the text at all.
func FuzzCSV(f *testing.F) {
	for _, seed := range []string{"a,b\n1,2\n", "a\n\"x\ny\"\n", "a,b\n\"\"\"\",\n", "a\r\n1\r\n", "a\n\n\n1", "a\n\"x\r\ny\"", "a\n\" \",\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		std := csv.NewReader(strings.NewReader(text))
		rows, err := std.ReadAll()
		lone := strings.Contains(strings.ReplaceAll(text, "\r\n", "\n"), "\r")
		if err != nil || len(rows) < 1 || lone || !json.Valid([]byte(`"x"`)) || strings.HasPrefix(text, "\xff\xfe") || strings.HasPrefix(text, "\xfe\xff") || strings.HasPrefix(text, "\x1f\x8b") || strings.HasPrefix(text, "\xef\xbb\xbf") || strings.HasPrefix(text, "\x28\xb5\x2f\xfd") {
			return
		}
		if bytes.ContainsRune([]byte(text), '\uFFFD') || strings.ToValidUTF8(text, "") != text {
			return
		}
		l := &lander{}
		_, err = readFiles(t, filesYAML("*", "{type: csv, header: false}", ""), fstest.MapFS{"data/x": file(text)}, l)
		require.NoError(t, err)
		require.Empty(t, l.rejects())
		require.Len(t, l.records(), len(rows))
		for i, r := range l.records() {
			var cells map[string]string
			require.NoError(t, json.Unmarshal([]byte(r), &cells))
			for j, want := range rows[i] {
				require.Equal(t, want, cells[fmt.Sprintf("column_%d", j+1)])
			}
		}
	})
}

func TestRead_landsADocumentWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	yaml := filesYAML("*.json", "{type: json}", "    records: $.data[*]\n")
	l := &lander{}
	_, err := readFiles(t, yaml, fstest.MapFS{"data/a.json": file("\ufeff{\"data\": [\n{\"id\":1},\n{\n\"id\":2}]\n}")}, l)
	require.NoError(t, err)
	require.Equal(t, []string{`{"id":1}`, "{\n\"id\":2}"}, l.records())
	require.EqualValues(t, 2, l.pages[0].Records[0].Line)
	require.EqualValues(t, 3, l.pages[0].Records[1].Line)

	for name, c := range map[string]struct {
		content string
		kind    extract.ErrorKind
	}{
		"truncated": {`{"data":[{"id":1},{"id":2}`, extract.UnexpectedContent}, "followed": {`{"data":[{"id":1}]}{}`, extract.UnexpectedContent},
		"missing": {`{"rows":[]}`, extract.NoRecords}, "empty": {``, extract.UnexpectedContent},
	} {
		l := &lander{}
		_, err := readFiles(t, yaml, fstest.MapFS{"data/a.json": file(c.content)}, l)
		requireKind(t, err, c.kind)
		require.Empty(t, l.pages, name)
		require.Equal(t, []string{"failed"}, l.states(), name)
	}
}

func TestRead_failsWhereTheFolderIsMissing(t *testing.T) {
	t.Parallel()
	_, err := readFiles(t, filesYAML("*", "{type: ndjson}", ""), fstest.MapFS{"other/x": file("{}")}, &lander{})
	e := requireKind(t, err, extract.Settings)
	require.Contains(t, e.Message, "folder data of the project")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// Case 59: a content is landed once, whatever it is called; a file that did not change is not even opened.
func TestRead_knowsFilesByTheirContent(t *testing.T) {
	t.Parallel()
	yaml := filesYAML("**/*.ndjson", "{type: ndjson}", "")
	fsys := fstest.MapFS{"data/a.ndjson": file(`{"id":1}`), "data/deep/copy.ndjson": file(`{"id":1}`)}
	l := &lander{}
	_, err := readFiles(t, yaml, fsys, l)
	require.NoError(t, err)
	require.Len(t, l.records(), 1)
	spec := l.slices[0].Spec
	require.Equal(t, ods.File, spec.Kind)
	require.Len(t, spec.Key, 64)
	require.Equal(t, map[string]any{"path": "data/a.ndjson", "size": int64(8), "modified": "2026-01-20T11:00:00Z"}, spec.Meta)

	l.state.Files = map[string]ods.FileState{spec.Key: {Path: "data/a.ndjson", Size: 8, Modified: noon.Add(-time.Hour)}}
	result, err := readFiles(t, yaml, fsys, l)
	require.NoError(t, err)
	require.Zero(t, result.Slices)

	fsys["data/a.ndjson"] = &fstest.MapFile{Data: []byte(`{"id":2}`), ModTime: noon}
	_, err = readFiles(t, yaml, fsys, l)
	require.NoError(t, err)
	require.Equal(t, []string{`{"id":1}`, `{"id":2}`}, l.records())
}

// A kill inside a file costs the page that was being landed, and nothing is landed twice.
func TestRead_goesOnInsideAFile(t *testing.T) {
	t.Parallel()
	var content strings.Builder
	for i := range 23_456 {
		if i%1000 == 7 {
			content.WriteString("broken\n")
			continue
		}
		fmt.Fprintf(&content, "{\"id\":%d}\n", i)
	}
	fsys := fstest.MapFS{"data/a.ndjson": file(content.String())}
	l := &lander{refuse: func(p ods.Page) error {
		if p.Number == 3 {
			return errPowerCut
		}
		return nil
	}}
	yaml := filesYAML("*", "{type: ndjson}", "")
	_, err := readFiles(t, yaml, fsys, l)
	require.ErrorIs(t, err, errPowerCut)
	require.Equal(t, "10000", l.slices[0].Resume)

	l.refuse = nil
	_, err = readFiles(t, yaml, fsys, l)
	require.NoError(t, err)
	require.Equal(t, []string{"done"}, l.states())
	require.Len(t, l.records(), 23_456-24)
	require.Len(t, l.rejects(), 24)
	require.Equal(t, `{"id":0}`, l.records()[0])
	require.Equal(t, `{"id":23455}`, l.records()[23_456-25])
}

// Case 58: the last page of a file that changed while it was read is not landed.
func TestRead_noticesAFileThatChangesWhileItIsRead(t *testing.T) {
	t.Parallel()
	fsys := fstest.MapFS{"data/a.ndjson": file(strings.Repeat("{\"id\":1}\n", 6000))}
	l := &lander{}
	d := quick(l, nil)
	opened := 0
	d.FS = openHook{fsys, ".ndjson", func() {
		if opened++; opened == 2 {
			fsys["data/a.ndjson"].Data = []byte(strings.Repeat("{\"id\":2}\n", 6000))
		}
	}}
	_, err := extract.NewReader(d).Read(t.Context(), load(t, filesYAML("*.ndjson", "{type: ndjson}", ""), nil).Streams[0], extract.Job{})
	requireKind(t, err, extract.Changed)
	require.Equal(t, []string{"failed"}, l.states())
}

// openHook calls opening before a file is opened.
type openHook struct {
	fstest.MapFS
	ending  string
	opening func()
}

func (h openHook) Open(name string) (fs.File, error) {
	if strings.HasSuffix(name, h.ending) {
		h.opening()
	}
	return h.MapFS.Open(name)
}

func (h openHook) Sub(dir string) (fs.FS, error) { return subHook{h, dir}, nil }

type subHook struct {
	openHook
	dir string
}

func (s subHook) Open(name string) (fs.File, error) { return s.openHook.Open(path.Join(s.dir, name)) }

func (s subHook) ReadDir(name string) ([]fs.DirEntry, error) {
	return s.MapFS.ReadDir(path.Join(s.dir, name))
}

func (s subHook) Stat(name string) (fs.FileInfo, error) { return s.MapFS.Stat(path.Join(s.dir, name)) }

// A reading that finds no new file is a reading: status says when it was.
func TestRead_notesThatThereWasNothingNew(t *testing.T) {
	t.Parallel()
	store := ods.New(pgtest.New(t).Pool)
	s := load(t, filesYAML("*.ndjson", "{type: ndjson}", ""), nil).Streams[0]
	require.NoError(t, store.Ensure(t.Context(), s.Landing))
	d := quick(nil, nil)
	d.Lander, d.FS = store, fstest.MapFS{"data/a.ndjson": file(`{"id":1}`)}
	read := func() (uuid.UUID, time.Time) {
		run := uuid.New()
		_, err := extract.NewReader(d).Read(t.Context(), s, extract.Job{RunID: run})
		require.NoError(t, err)
		status, err := store.Status(t.Context())
		require.NoError(t, err)
		require.Equal(t, run, status[0].Variants[0].RunID.UUID)
		return run, *status[0].Variants[0].LastEnded
	}
	_, first := read()
	_, second := read()
	require.True(t, second.After(first), "%s is not after %s", second, first)
}

// Two files are read at once, and what the later one says is current, whichever is landed first and whatever the clock does.
func TestRead_landsFilesInTheOrderOfTheirNames(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	store := ods.New(db.Pool)
	s := load(t, strings.Replace(filesYAML("*.ndjson", "{type: ndjson}", ""), "    format", "    primary_key: [$.id]\n    format", 1), nil).Streams[0]
	require.NoError(t, store.Ensure(t.Context(), s.Landing))
	fsys := fstest.MapFS{}
	for n := range 12 {
		var lines strings.Builder
		for id := range 1 + 40*((11-n)%3) {
			fmt.Fprintf(&lines, "{\"id\":%d,\"of\":%d}\n", id, n)
		}
		fsys[fmt.Sprintf("data/%02d.ndjson", n)] = file(lines.String())
	}
	var mu sync.Mutex
	clock := noon
	d := quick(nil, nil)
	d.Lander, d.FS = store, fsys
	d.Now = func() time.Time { // a clock that goes backwards
		mu.Lock()
		defer mu.Unlock()
		clock = clock.Add(-time.Second)
		return clock
	}
	_, err := extract.NewReader(d).Read(t.Context(), s, extract.Job{RunID: uuid.New()})
	require.NoError(t, err)
	require.Equal(t, []string{"10:40", "11:1", "9:40"}, column(t, db,
		`select of || ':' || count(*) from (select payload ->> 'of' as of from crm_ods.rows) as x group by of order by of`))
}
