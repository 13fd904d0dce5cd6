package ods

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// Prepared is a page made ready to land: what needs no database has been done. Preparing the next page while one lands
// uses two cores instead of one. The records' bytes are still those of the page, and must stay as they are until
// LandPrepared returns.
type Prepared struct {
	page    Page
	rows    []row
	rejects []Reject
	groups  []group
	keys    identities
	types   []keyType // of the columns of the key
}

// row is a record that can be landed.
type row struct {
	record Record
	text   []byte // the record as it is sent
	hash   hash
	order  order
	key    []keyPart // nil in a stream without a key
	group  int       // in Prepared.groups
	index  int       // in Page.Records
}

// Prepare validates the page's records, finds their keys and hashes their content. It may run on any goroutine.
// Records that cannot be landed become rejects; an error is a fault of the declaration or of the caller.
func Prepare(page Page) (*Prepared, error) {
	if err := check(page); err != nil {
		return nil, fmt.Errorf("prepare %s: %w", page.Stream.Name, err)
	}
	p, err := prepareRecords(page)
	return p, wrap(err, "prepare %s", page.Stream.Name)
}

// prepareRecords prepares a page that need not belong to a slice.
func prepareRecords(page Page) (*Prepared, error) {
	reader, err := newRecordReader(page.Stream)
	if err != nil {
		return nil, err
	}
	p := &Prepared{page: page, rows: make([]row, 0, len(page.Records)), types: reader.columns}
	p.rejects = append(p.rejects, page.Rejects...)
	reader.scanner.expect(page.Records)
	for i, record := range page.Records {
		r, refused := reader.read(record)
		if refused != nil {
			p.reject(record, i, refused)
			continue
		}
		r.index = i
		p.rows = append(p.rows, r)
	}
	p.regroup()
	return p, nil
}

func check(page Page) error {
	switch {
	case page.Slice.ID == 0:
		return errors.New("the page belongs to no slice; open one first")
	case page.Number < 1:
		return fmt.Errorf("page number %d; pages count from 1", page.Number)
	case page.Fetched.IsZero():
		return errors.New("the page does not say when it was fetched")
	default:
		return nil
	}
}

func (p *Prepared) reject(record Record, index int, refused *refusal) {
	p.rejects = append(p.rejects, Reject{
		Raw:     record.Raw,
		Reason:  refused.reason,
		Message: refused.message,
		Place:   p.place(record, index),
	})
}

func (p *Prepared) place(record Record, index int) string {
	if record.File != "" {
		return fmt.Sprintf("%s:%d", record.File, record.Line)
	}
	return fmt.Sprintf("page %d, record %d", p.page.Number, index+1)
}

// recordReader turns the records of one stream into rows.
type recordReader struct {
	scanner *scanner
	names   []string
	columns []keyType
	paths   []int // number of each column's path, -1 for a value that the reader gives
	version int   // number of the version's path, -1 without one
}

func newRecordReader(stream Stream) (*recordReader, error) {
	r := &recordReader{version: -1}
	var paths [][]string
	for _, column := range stream.Key {
		t, err := keyTypeOf(column)
		if err != nil {
			return nil, err
		}
		r.columns = append(r.columns, t)
		r.names = append(r.names, column.Name)
		if column.Path == "" {
			r.paths = append(r.paths, -1)
			continue
		}
		path, err := parsePath(column.Path)
		if err != nil {
			return nil, fmt.Errorf("key column %s: %w", column.Name, err)
		}
		r.paths = append(r.paths, len(paths))
		paths = append(paths, path)
	}
	if stream.Version != "" {
		path, err := parsePath(stream.Version)
		if err != nil {
			return nil, fmt.Errorf("version: %w", err)
		}
		r.version = len(paths)
		paths = append(paths, path)
	}
	r.scanner = newScanner(paths)
	return r, nil
}

func (r *recordReader) read(record Record) (row, *refusal) {
	sum, text, refused := r.scanner.scan(record.Raw)
	if refused != nil {
		return row{}, refused
	}
	out := row{record: record, text: text, hash: sum}
	if len(r.columns) > 0 {
		out.key = make([]keyPart, len(r.columns))
	}
	given := record.Given
	for i, column := range r.columns {
		var found value
		if at := r.paths[i]; at >= 0 {
			found = r.scanner.found[at]
		} else if len(given) > 0 {
			found, given = givenValue(given[0]), given[1:]
		}
		part, refused := readKeyPart(column, found)
		if refused != nil {
			refused.message = fmt.Sprintf("key column %s %s", r.names[i], refused.message)
			return row{}, refused
		}
		out.key[i] = part
	}
	if r.version >= 0 {
		out.order = parseOrder(r.scanner.found[r.version].text())
	}
	return out, nil
}

// givenValue is a value that the reader knows, as if it stood in the record.
func givenValue(text string) value {
	raw := jsontext.Value(text)
	return value{kind: raw.Kind(), raw: raw}
}

func readKeyPart(column keyType, found value) (keyPart, *refusal) {
	text := found.text()
	if text == nil {
		return keyPart{}, refuse(ReasonMissingKey, "has no value")
	}
	part, err := column.parse(found.kind, *text)
	if err != nil {
		return keyPart{}, refuse(ReasonBadKey, "%s: %.100q %v", column.sql, *text, err)
	}
	return part, nil
}

// text is the scalar as text: a string without quotes and escapes, anything else as written; nil for none and null.
func (v value) text() *string {
	text := string(v.raw)
	switch v.kind {
	case jsontext.KindInvalid, jsontext.KindNull:
		return nil
	case jsontext.KindString:
		unquoted, err := jsontext.AppendUnquote(nil, v.raw)
		if err != nil {
			panic(fmt.Sprintf("ods: a scanned string does not unquote: %q: %v", v.raw, err))
		}
		text = string(unquoted)
	}
	return &text
}
