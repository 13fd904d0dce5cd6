package extract

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	slashpath "path"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/terrace-elt/terrace/dag/model/strict"
	"github.com/terrace-elt/terrace/ods"
)

// document lands the records of a file that is one JSON document.
func (f *sourceFile) document(r io.Reader, c *chunker) error {
	lines := &lineCounter{r: f.format().asText(r)}
	_, err := f.format().responses.selection.scanLong(f.strict(lines), func(raw []byte, offset int64) error {
		return c.add(ods.Record{Raw: bytes.Clone(raw), File: f.path, Line: lines.at(offset)})
	}, func(value longValue, offset int64) error {
		return c.reject(value.reject(f.place(lines.at(offset))))
	})
	return err
}

// strict refuses text that had to be repaired. Declared UTF-8 is not repaired: its bad bytes are rejected by record.
func (f *sourceFile) strict(r io.Reader) io.Reader {
	if f.format().encoding == nil {
		return r
	}
	return &strictText{r: r}
}

// validate reads a document without landing anything of it.
func (f *sourceFile) validate(raw io.Reader) error {
	plain, err := decompressed(raw)
	if err != nil {
		return err
	}
	defer plain.Close()
	format := f.format()
	env, err := format.responses.selection.scanLong(f.strict(format.asText(plain)), func([]byte, int64) error { return nil }, passOver)
	if err != nil {
		return &Error{Kind: UnexpectedContent, Message: err.Error(), Hint: "the file is not landed; correct it, or use format ndjson for a record per line"}
	}
	return format.responses.judgeFile(env)
}

// judgeFile decides whether a document is good. A page that was kept has no status; it counts as 200.
func (r responses) judgeFile(env envelope) error {
	for _, rule := range r.rules {
		if rule.when.holds(http.StatusOK, env) && rule.do != doSkip {
			return &Error{Kind: Refused, Message: fmt.Sprintf("the page is a refusal: %s holds", rule.when.text), Hint: "take the file away"}
		}
	}
	switch {
	case r.success.root != nil && !r.success.holds(http.StatusOK, env):
		return &Error{Kind: Refused, Message: "success_when does not hold: " + r.success.describe(env), Hint: "take the file away"}
	case env.missing != "" && !r.missingEmpty && !(env.null && r.success.root != nil):
		return &Error{Kind: NoRecords, Message: fmt.Sprintf("no records at %s: %s", r.records.text, env.missing), Hint: "correct records, or write on_missing: empty"}
	}
	return nil
}

// format is how the file is read: as declared, or as a page of the stream.
func (f *sourceFile) format() fileFormat {
	if f.page {
		return fileFormat{kind: "json_page", responses: f.stream.responses}
	}
	return f.stream.format
}

// pendingReplay is a stream whose pages are read by the rules of another, which may stand in a file that is read later.
type pendingReplay struct {
	stream *Stream
	of     strict.String
}

// bindReplays finds the streams whose rules pages are read by, once all files have been read.
func (l *loader) bindReplays() {
	for _, p := range l.replays {
		b := &builder{file: p.stream.Source.File}
		b.bindReplay(p, l.streams)
		l.problems = append(l.problems, b.problems...)
	}
}

// bindReplay takes over the rules, and what the stream does not say of its records.
func (b *builder) bindReplay(p pendingReplay, streams map[string]place) {
	name := p.of.Value
	if !strings.Contains(name, ".") {
		name = p.stream.Source.Schema + "." + name
	}
	found, ok := b.find(p.of.Pos, name, streams)
	if !ok {
		return
	}
	if found.stream.Source.Type != HTTP {
		b.fail(p.of.Pos, fmt.Sprintf("%s is not read from pages", name), "name a stream of type http")
		return
	}
	rules, own := found.stream.Landing, &p.stream.Landing
	if len(own.Key) == 0 {
		own.Key, own.KeepFirst = rules.Key, rules.KeepFirst
	}
	if own.Version == "" {
		own.Version = rules.Version
	}
	p.stream.format.responses = found.stream.responses
}

// pageUnits lists the answers in the stream's folder that have not been landed: those that somebody else fetched, as JSON,
// compressed or not. The folder is that of the stream's whole name, or of its short one.
func (r *reading) pageUnits(ctx context.Context, state ods.State) ([]unit, error) {
	_, short, _ := strings.Cut(r.stream.Name, ".")
	for _, folder := range []string{r.stream.Name, short} {
		root, err := fs.Sub(r.deps.Pages, folder)
		if err != nil {
			return nil, fmt.Errorf("open folder %s: %w", folder, err)
		}
		names, err := doublestar.Glob(root, "**/*", doublestar.WithFilesOnly(), doublestar.WithFailOnIOErrors())
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", folder, err)
		}
		if len(names) > 0 {
			return r.unitsOf(ctx, state, names, func(name string) *sourceFile {
				f := r.localFile(root, name, slashpath.Join(folder, name))
				f.page = true
				return f
			})
		}
	}
	return nil, &Error{
		Kind: Settings, Message: fmt.Sprintf("there are no pages of %s: neither folder %s nor %s has files", r.stream.Name, r.stream.Name, short),
		Hint: "put its answers there, a file each, or leave the stream out",
	}
}

// recordedUnits gives what the recorded reading set out to read.
func (r *reading) recordedUnits() ([]unit, error) {
	recorded, err := r.deps.Recording.units(r.stream.Name)
	if err != nil {
		return nil, err
	}
	r.meanings = recorded.Each
	units := make([]unit, 0, len(recorded.Slices))
	for _, spec := range recorded.Slices {
		u := unit{spec: spec, read: r.readPages}
		switch {
		case r.stream.Source.Type == Postgres:
			u.read = r.readRows
		case spec.Kind == ods.Parents:
			u.read = r.readParents
		}
		units = append(units, u)
	}
	return units, nil
}
