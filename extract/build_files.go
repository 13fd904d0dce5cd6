package extract

import (
	"fmt"
	"io/fs"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

// files says which files a stream is made of.
type files struct {
	path   string // of type files: folder, relative to the project
	bucket string // of type s3
	prefix string // of type s3: what the keys begin with
	glob   string // of what follows path or prefix
	// mayBeNone says that no file at all is nothing to tell of.
	mayBeNone bool
}

// fileFormat says how records are found in a file.
type fileFormat struct {
	kind      string            // ndjson, json, csv, json_page
	encoding  encoding.Encoding // nil: UTF-8
	delimiter byte
	quote     byte // 0: none
	header    bool
	null      map[string]bool
	responses responses // json and json_page: where the records are, and what a good page is
}

// whole reports whether a file is one document, which is good as a whole or not at all.
func (f fileFormat) whole() bool { return f.kind == "json" || f.kind == "json_page" }

// files fills in what a stream of type files or s3 declares.
func (b *builder) files(s *Stream, d *streamDecl, at strict.Pos) {
	for key, pos := range map[string]strict.Pos{"request": d.Request.Pos, "paginate": d.Paginate.Pos, "slices": d.Slices.Pos, "parent": d.Parent.Pos} {
		b.foreign(pos, key, string(s.Source.Type))
	}
	s.files = files{path: d.Files.Path.Value, bucket: d.Files.Bucket.Value, prefix: d.Files.Prefix.Value, glob: d.Files.Glob.Value, mayBeNone: d.OnMissing == "empty"}
	switch {
	case d.Files.Pos == (strict.Pos{}):
	case s.Source.Type == S3:
		b.foreign(d.Files.Path.Pos, "path", "s3")
		if s.files.bucket == "" {
			b.fail(d.Files.Pos, `files lack "bucket"`, `write files: {bucket: landing, prefix: orders/, glob: "**/*.ndjson"}`)
		}
	default:
		b.foreign(d.Files.Bucket.Pos, "bucket", "files")
		b.foreign(d.Files.Prefix.Pos, "prefix", "files")
	}
	if s.files.path == "" {
		s.files.path = "."
	}
	switch {
	case d.Files.Pos == (strict.Pos{}):
		b.fail(at, `"files" is missing`, `write files: {path: data, glob: "*.ndjson"}`)
	case !fs.ValidPath(s.files.path):
		b.fail(d.Files.Path.Pos, fmt.Sprintf("path %q does not stay inside the project", s.files.path), "write it relative to the project, without ./ and ..")
	case !doublestar.ValidatePattern(s.files.glob):
		b.fail(d.Files.Glob.Pos, fmt.Sprintf("glob %q is malformed", s.files.glob), "")
	}
	s.format = b.format(d, at)
}

func (b *builder) format(d *streamDecl, at strict.Pos) fileFormat {
	f := fileFormat{kind: d.Format.Type.Value, delimiter: ',', quote: '"', header: true, null: map[string]bool{}}
	if d.Format.Pos == (strict.Pos{}) {
		b.fail(at, `"format" is missing`, "write format: {type: ndjson}, json or csv")
		return f
	}
	switch {
	case f.kind == "json_page" && d.ReplayAs.IsZero():
		b.fail(at, `"replay_as" is missing`, "name the stream whose rules the pages are read by: replay_as: crm_ods.contacts")
	case f.kind != "json_page":
		b.foreign(d.ReplayAs.Pos, "replay_as", "files with format "+f.kind)
	}
	if f.kind == "json" {
		if !d.Records.isSet() {
			b.fail(at, `"records" is missing`, "say where the records are: $[*], $.data[*]")
		}
		f.responses = responses{selection: newSelection(&d.Records.path), records: d.Records.path, missingEmpty: d.OnMissing == "empty"}
	} else {
		b.foreign(d.Records.Pos, "records", "files with format "+f.kind)
	}
	if f.kind != "csv" {
		for key, pos := range map[string]strict.Pos{
			"delimiter": d.Format.Delimiter.Pos, "quote": d.Format.Quote.Pos, "header": d.Format.Header.Pos, "ragged": d.Format.Ragged.Pos,
		} {
			b.foreign(pos, key, "files with format "+f.kind)
		}
	}
	f.delimiter = b.sign(d.Format.Delimiter, "delimiter", f.delimiter)
	if d.Format.Quote.IsZero() || d.Format.Quote.Value != "" {
		f.quote = b.sign(d.Format.Quote, "quote", f.quote)
	} else {
		f.quote = 0
	}
	if f.quote == f.delimiter {
		b.fail(d.Format.Quote.Pos, "quote and delimiter are the same", "")
	}
	f.header = d.Format.Header.IsZero() || d.Format.Header.Value
	for _, text := range d.Format.Null {
		f.null[text] = true
	}
	f.encoding = b.encoding(d.Format.Encoding)
	return f
}

// sign is a single ASCII character.
func (b *builder) sign(s strict.String, name string, otherwise byte) byte {
	if s.IsZero() {
		return otherwise
	}
	if len(s.Value) != 1 || s.Value[0] >= utf8.RuneSelf || s.Value[0] == '\n' || s.Value[0] == '\r' {
		b.fail(s.Pos, fmt.Sprintf("%s wants one ASCII character, got %q", name, s.Value), `a tab is "\t"`)
		return otherwise
	}
	return s.Value[0]
}

func (b *builder) encoding(s strict.String) encoding.Encoding {
	if s.IsZero() {
		return nil
	}
	e, err := lookupEncoding(s.Value)
	if err != nil {
		b.fail(s.Pos, err.Error(), "write utf-8, gb18030, big5, utf-16le …")
	}
	return e
}

// lookupEncoding gives nil for UTF-8. What calls itself GBK is GB18030, its superset: pure GBK tables lose characters.
func lookupEncoding(name string) (encoding.Encoding, error) {
	e, err := htmlindex.Get(name)
	if err != nil {
		return nil, fmt.Errorf("there is no encoding %q", name)
	}
	switch e {
	case unicode.UTF8:
		return nil, nil
	case simplifiedchinese.GBK:
		return simplifiedchinese.GB18030, nil
	default:
		return e, nil
	}
}
