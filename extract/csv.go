package extract

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/terrace-elt/terrace/ods"
)

// csvReader gives the rows of a CSV file as RFC 4180 has them. A cell in quotes may hold line ends.
type csvReader struct {
	lines     *lineReader
	delimiter byte
	quote     byte // 0: none
	raw       []byte
	open      []byte // a cell that goes over several lines
	cells     []string
}

// maxRow bounds what a row of several lines may take, so that a quote that is never closed does not swallow a file.
const maxRow = 16 << 20

// row is one row of a CSV file.
type row struct {
	cells  []string // valid until the next row is read
	raw    []byte   // valid until the next row is read
	number int64    // line on which it begins
	reason string   // why it cannot be used, or ""
	fault  string
}

// next gives the next row that is not an empty line, io.EOF after the last.
func (c *csvReader) next() (row, error) {
	for {
		l, err := c.lines.next()
		if err != nil {
			return row{}, err
		}
		if len(l.raw) > 0 {
			return c.row(l)
		}
	}
}

func (c *csvReader) row(first line) (row, error) {
	out := row{number: first.number, reason: first.reason}
	c.raw = append(c.raw[:0], first.raw...)
	c.cells = c.cells[:0]
	text := first.text
	if out.reason != "" {
		out.fault, out.raw = lineMessage(out.reason), c.raw
		return out, nil
	}
	for {
		cell, rest, state := c.cell(text)
		switch state {
		case cellOpen:
			var ended bool
			var err error
			if text, ended, err = c.extend(text, &out); err != nil || ended {
				return out, err
			}
		case cellBroken:
			out.reason, out.raw = badCSV, c.raw
			out.fault = fmt.Sprintf("cell %d has a quote where none may be", len(c.cells)+1)
			return out, nil
		case cellLast:
			c.cells = append(c.cells, cell)
			out.cells, out.raw = c.cells, c.raw
			return out, nil
		default:
			c.cells = append(c.cells, cell)
			text = rest
		}
	}
}

// extend adds the lines up to the next one with a quote to a cell that is open. It reports whether the row has ended
// because there is none.
func (c *csvReader) extend(text []byte, out *row) (longer []byte, ended bool, err error) {
	c.open = append(c.open[:0], text...)
	for {
		more, err := c.lines.next()
		if errors.Is(err, io.EOF) {
			out.reason, out.fault, out.raw = badCSV, "a quote is opened and never closed", c.raw
			return nil, true, nil
		}
		if err != nil {
			return nil, true, err
		}
		c.raw = append(append(c.raw, '\n'), more.raw...)
		if more.reason != "" || len(c.raw) > maxRow {
			*out = c.abandon(*out, more)
			return nil, true, nil
		}
		c.open = append(append(c.open, '\n'), more.text...)
		if bytes.IndexByte(more.text, c.quote) >= 0 {
			return c.open, false, nil
		}
	}
}

// abandon gives up a row one of whose lines cannot be used.
func (c *csvReader) abandon(out row, l line) row {
	if out.reason = l.reason; out.reason == "" {
		out.reason = tooLong
	}
	out.fault, out.raw = lineMessage(out.reason), c.raw[:min(len(c.raw), keptOfALine)]
	return out
}

type cellState uint8

const (
	cellMore   cellState = iota // another cell follows
	cellLast                    // the row ends
	cellOpen                    // the quote is not closed on this line
	cellBroken                  // quotes are where none may be
)

// cell takes the first cell of text.
func (c *csvReader) cell(text []byte) (cell string, rest []byte, state cellState) {
	if c.quote == 0 || len(text) == 0 || text[0] != c.quote {
		content, rest, more := bytes.Cut(text, []byte{c.delimiter})
		switch {
		case c.quote != 0 && bytes.IndexByte(content, c.quote) >= 0:
			return "", nil, cellBroken
		case more:
			return string(content), rest, cellMore
		}
		return string(content), nil, cellLast
	}
	var b strings.Builder
	for rest = text[1:]; ; {
		i := bytes.IndexByte(rest, c.quote)
		if i < 0 {
			return "", nil, cellOpen
		}
		b.Write(rest[:i])
		rest = rest[i+1:]
		switch {
		case len(rest) == 0:
			return b.String(), nil, cellLast
		case rest[0] == c.delimiter:
			return b.String(), rest[1:], cellMore
		case rest[0] != c.quote:
			return "", nil, cellBroken
		}
		b.WriteByte(c.quote)
		rest = rest[1:]
	}
}

// csv lands a record per row: an object whose cells are texts, or null where the declaration says so.
func (f *sourceFile) csv(r io.Reader, c *chunker) error {
	format := f.stream.format
	rows := &csvReader{lines: newLineReader(r, format), delimiter: format.delimiter, quote: format.quote}
	rows.lines.takeLoneReturns(format.quote)
	var names [][]byte
	var object []byte
	for {
		row, err := rows.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if names == nil && row.reason == "" {
			if names, err = columnNames(row.cells, format.header); err != nil {
				return fmt.Errorf("line %d: %w", row.number, err)
			}
			c.know("columns", plainNames(names))
			if format.header {
				continue
			}
		}
		switch {
		case names == nil && format.header:
			return &Error{Kind: UnexpectedContent, Message: fmt.Sprintf("the header on line %d cannot be read: %s", row.number, row.fault), Hint: "correct format"}
		case row.reason == "" && len(row.cells) != len(names):
			row.reason, row.fault = ragged, fmt.Sprintf("%d cells, the header has %d", len(row.cells), len(names))
		}
		if row.reason != "" {
			err = c.reject(ods.Reject{Raw: bytes.Clone(row.raw), Reason: row.reason, Message: row.fault, Place: f.place(row.number)})
		} else {
			object = appendRow(object[:0], names, row.cells, format.null)
			err = c.add(ods.Record{Raw: c.keep(object), File: f.path, Line: row.number})
		}
		if err != nil {
			return err
		}
	}
}

// columnNames gives the names as JSON. Without a header they are column_1, column_2 …
func columnNames(cells []string, header bool) ([][]byte, error) {
	names := make([][]byte, len(cells))
	seen := map[string]int{}
	for i, name := range cells {
		if !header {
			name = fmt.Sprintf("column_%d", i+1)
		}
		name = strings.TrimSpace(name)
		if name == "" {
			return nil, &Error{Kind: UnexpectedContent, Message: fmt.Sprintf("column %d of the header has no name", i+1), Hint: "name it in the file, or write header: false"}
		}
		if first, twice := seen[name]; twice {
			return nil, &Error{Kind: UnexpectedContent, Message: fmt.Sprintf("columns %d and %d of the header are both named %s", first, i+1, name), Hint: "rename one in the file"}
		}
		seen[name] = i + 1
		names[i] = appendValue(nil, name)
	}
	return names, nil
}

// plainNames are the names as they stand in the header.
func plainNames(names [][]byte) []string {
	plain := make([]string, len(names))
	for i, name := range names {
		plain[i] = unquote(name)
	}
	return plain
}

func appendRow(dst []byte, names [][]byte, cells []string, null map[string]bool) []byte {
	dst = append(dst, '{')
	for i, cell := range cells {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(dst, names[i]...), ':')
		if null[cell] {
			dst = append(dst, "null"...)
			continue
		}
		// The line was found to be UTF-8, so nothing can be wrong with the cell.
		dst, _ = jsontext.AppendQuote(dst, cell)
	}
	return append(dst, '}')
}
