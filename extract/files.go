package extract

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	slashpath "path"
	"slices"
	"strconv"
	"time"

	"github.com/bmatcuk/doublestar/v4"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/terrace-elt/terrace/ods"
)

// fileUnits lists the files of the stream that have not been landed, by name. A file whose size and time are those of a
// landed one is not opened; another is known by its content.
func (r *reading) fileUnits(ctx context.Context, state ods.State) ([]unit, error) {
	if _, err := fs.Stat(r.deps.FS, r.stream.files.path); err != nil {
		return nil, &Error{
			Kind: Settings, Message: fmt.Sprintf("folder %s of the project cannot be read: %v", r.stream.files.path, err), cause: err,
			Hint: fmt.Sprintf("make it, or correct files.path of %s in %s", r.stream.Name, r.stream.Source.File),
		}
	}
	root, err := fs.Sub(r.deps.FS, r.stream.files.path)
	if err != nil {
		return nil, fmt.Errorf("open folder %s: %w", r.stream.files.path, err)
	}
	names, err := doublestar.Glob(root, r.stream.files.glob, doublestar.WithFilesOnly(), doublestar.WithFailOnIOErrors())
	if err != nil {
		return nil, fmt.Errorf("list %s in %s: %w", r.stream.files.glob, r.stream.files.path, err)
	}
	if len(names) == 0 {
		return nil, r.stream.nothingMatches("no file", r.stream.files.path)
	}
	return r.unitsOf(ctx, state, names, func(name string) *sourceFile {
		return r.localFile(root, name, slashpath.Join(r.stream.files.path, name))
	})
}

// nothingMatches is the error of a stream whose files are nowhere: a wrong path looks like a source with nothing new. It is
// nil where that is declared to be nothing.
func (s *Stream) nothingMatches(what, where string) error {
	if s.files.mayBeNone {
		return nil
	}
	return &Error{
		Kind: NoRecords, Message: fmt.Sprintf("%s in %s matches %q", what, where, s.files.glob),
		Hint: fmt.Sprintf("correct files of %s in %s, or write on_missing: empty where there may be none", s.Name, s.Source.File),
	}
}

// unitsOf gives those of the files that have not been landed, each content once, by name.
func (r *reading) unitsOf(ctx context.Context, state ods.State, names []string, file func(name string) *sourceFile) ([]unit, error) {
	slices.Sort(names)
	known := map[string]ods.FileState{}
	for _, f := range state.Files {
		known[f.Path] = f
	}
	seen := map[string]bool{}
	var units []unit
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		f := file(name)
		if err := f.identify(ctx, known); err != nil {
			return nil, err
		}
		_, landed := state.Files[f.key]
		if f.key == "" || landed || seen[f.key] {
			continue
		}
		seen[f.key] = true
		units = append(units, unit{spec: f.spec(), read: f.read})
	}
	return units, nil
}

// sourceFile is one file with one content.
type sourceFile struct {
	*reading
	path string // as people know it
	key  string // tells this content from every other; "" when the file need not be read
	meta map[string]any
	// hash is of the bytes as they are, in hex, where it is known before they are read; "" where the content cannot
	// change unnoticed.
	hash    string
	page    bool // an answer of the stream's source, whatever type the source has
	look    func() (fs.FileInfo, error)
	content func(context.Context) (io.ReadCloser, error)
}

func (r *reading) localFile(root fs.FS, name, path string) *sourceFile {
	return &sourceFile{
		reading: r, path: path,
		look:    func() (fs.FileInfo, error) { return fs.Stat(root, name) },
		content: func(context.Context) (io.ReadCloser, error) { return root.Open(name) },
	}
}

// identify hashes the file's content, unless the file is as it was when it was landed. Databases keep microseconds.
func (f *sourceFile) identify(ctx context.Context, known map[string]ods.FileState) error {
	info, err := f.look()
	if err != nil {
		return fmt.Errorf("look at %s: %w", f.path, err)
	}
	modified := info.ModTime().UTC().Truncate(time.Microsecond)
	if k, ok := known[f.path]; ok && k.Size == info.Size() && k.Modified.Truncate(time.Microsecond).Equal(modified) {
		return nil
	}
	f.meta = map[string]any{"path": f.path, "size": info.Size(), "modified": modified.Format(time.RFC3339Nano)}
	sum := sha256.New()
	if err := f.open(ctx, func(content io.Reader) error {
		_, err := io.Copy(sum, content)
		return err
	}); err != nil {
		return err
	}
	f.hash = hex.EncodeToString(sum.Sum(nil))
	f.key = f.hash
	return nil
}

func (f *sourceFile) spec() ods.SliceSpec {
	return ods.SliceSpec{Kind: ods.File, Key: f.key, Meta: f.meta}
}

func (f *sourceFile) open(ctx context.Context, use func(io.Reader) error) error {
	content, err := f.content(ctx)
	if err != nil {
		return fmt.Errorf("open %s: %w", f.path, err)
	}
	err = use(content)
	var broken damagedError
	if errors.As(err, &broken) {
		err = &Error{
			Kind: UnexpectedContent, cause: err, Message: fmt.Sprintf("the compressed content breaks off or is damaged (%v)", broken.error),
			Hint: "copy the file again; what was landed of it stands, and the whole one will be read as a new content",
		}
	}
	if err = errors.Join(err, content.Close()); err != nil {
		return fmt.Errorf("read %s: %w", f.path, err)
	}
	return nil
}

// read lands the file's records, from where an earlier reading of the same content stopped.
func (f *sourceFile) read(ctx context.Context, slice ods.Slice, emit func(ods.Page) error) error {
	var done int64
	if slice.Resume != "" {
		var err error
		if done, err = strconv.ParseInt(slice.Resume, 10, 64); err != nil {
			return fmt.Errorf("resume %s at %q: %w", f.path, slice.Resume, err)
		}
	}
	if f.format().whole() {
		// A document is good as a whole or not at all, so it is looked through before anything of it is landed.
		if err := f.open(ctx, f.validate); err != nil {
			return err
		}
	}
	c := &chunker{emit: emit, skip: done, page: ods.Page{Endpoint: f.path, Request: "read " + f.path, Fetched: seatOf(ctx).time(f.deps.Now)}}
	c.resume = func() string { return strconv.FormatInt(c.count, 10) }
	return f.open(ctx, func(raw io.Reader) error { return f.records(ctx, raw, c) })
}

// records reads the content and hashes it: the last page goes out only when the file did not change meanwhile, and says
// what the content was.
func (f *sourceFile) records(ctx context.Context, raw io.Reader, c *chunker) error {
	content := &counted{r: raw, sum: sha256.New(), ctx: ctx}
	if err := f.scan(content, c); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, content); err != nil {
		return err
	}
	hash := hex.EncodeToString(content.sum.Sum(nil))
	if f.hash != "" && hash != f.hash {
		return &Error{Kind: Changed, Message: f.path + " changed while it was read", Hint: "run again when it is complete"}
	}
	c.page.Bytes = content.n
	c.know("sha256", hash)
	f.traffic.bytes.Add(content.n)
	return c.finish(true)
}

// counted counts and hashes what is read, and ends when the context does.
type counted struct {
	r   io.Reader
	ctx context.Context //nolint:containedctx // a reader has no other way to hear of it
	sum hash.Hash
	n   int64
}

func (c *counted) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	n, err := c.r.Read(p)
	c.n += int64(n)
	c.sum.Write(p[:n])
	return n, err
}

// scan finds the records of the file by its format.
func (f *sourceFile) scan(raw io.Reader, c *chunker) error {
	plain, err := decompressed(raw)
	if err != nil {
		return err
	}
	defer plain.Close()
	switch f.format().kind {
	case "csv":
		return f.csv(plain, c)
	case "ndjson":
		return f.ndjson(plain, c)
	default:
		return f.document(plain, c)
	}
}

// asText decodes a whole stream to UTF-8. A byte order mark goes before what is declared.
func (f fileFormat) asText(r io.Reader) io.Reader {
	decoder := transform.Transformer(transform.Nop)
	if f.encoding != nil {
		decoder = f.encoding.NewDecoder()
	}
	return transform.NewReader(r, unicode.BOMOverride(decoder))
}

// lineCounter knows on which line an offset lies, for offsets that are asked for in their order.
type lineCounter struct {
	r      io.Reader
	read   int64
	ends   []int64 // offsets of line ends that were read but not yet passed
	passed int64
}

func (l *lineCounter) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	for i, b := range p[:n] {
		if b == '\n' {
			l.ends = append(l.ends, l.read+int64(i))
		}
	}
	l.read += int64(n)
	return n, err
}

func (l *lineCounter) at(offset int64) int64 {
	i := 0
	for i < len(l.ends) && l.ends[i] < offset {
		i++
	}
	l.passed += int64(i)
	l.ends = append(l.ends[:0], l.ends[i:]...)
	return l.passed + 1
}
