package extract

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/text/encoding"

	"github.com/terrace-elt/terrace/ods"
)

// maxLine bounds what one record of a text file may take; a longer line is rejected by its beginning.
const (
	maxLine     = 64 << 20
	keptOfALine = 64 << 10
)

// The reader's own reasons for rejects.
const (
	badEncoding = "encoding"
	notJSON     = "not_json"
	tooLong     = "too_long"
	badCSV      = "csv"
	ragged      = "ragged"
)

// lineReader gives the lines of a file. Line ends are found in the raw bytes, which holds for every encoding that keeps
// ASCII where it is, and each line is decoded for itself: a bad one spoils no other, and its bytes can be kept.
type lineReader struct {
	r       *bufio.Reader
	decoder *encoding.Decoder // nil: UTF-8
	number  int64             // of the line last read, from 1
	buffer  []byte
}

// newLineReader reads r as the format says. Encodings wider than ASCII are decoded as a stream.
func newLineReader(r io.Reader, f fileFormat) *lineReader {
	buffered := bufio.NewReaderSize(r, 1<<16)
	start, _ := buffered.Peek(3) // a shorter file has no mark; a broken one fails at the first line
	wide := marksUTF16(buffered)
	switch {
	case bytes.Equal(start, byteOrderMark):
		// The bytes have just been peeked at, so they are there.
		_, _ = buffered.Discard(len(byteOrderMark))
	case wide || f.encoding != nil && !keepsASCII(f.encoding):
		return &lineReader{r: bufio.NewReaderSize(f.asText(buffered), 1<<16)}
	case f.encoding != nil:
		return &lineReader{r: buffered, decoder: f.encoding.NewDecoder()}
	}
	return &lineReader{r: buffered}
}

// takeLoneReturns makes a carriage return end lines where the first line ends with one and no line feed follows for as long as
// can be seen: such a file would be one line, its header, and empty.
func (l *lineReader) takeLoneReturns(quote byte) {
	start, err := l.r.Peek(l.r.Size())
	rest := io.Reader(l.r)
	if err != nil && !errors.Is(err, io.EOF) { // which the reader does not tell twice
		rest = io.MultiReader(bytes.NewReader(bytes.Clone(start)), failing{err})
	}
	first, _, found := bytes.Cut(start, []byte{'\r'})
	lone := found && bytes.IndexByte(start, '\n') < 0
	if lone && (quote == 0 || bytes.Count(first, []byte{quote})%2 == 0) {
		rest = loneReturns{rest}
	}
	if rest != l.r {
		l.r = bufio.NewReaderSize(rest, l.r.Size())
	}
}

// failing is where a reader broke off.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// loneReturns gives a line feed for each carriage return.
type loneReturns struct{ io.Reader }

func (r loneReturns) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	for i, b := range p[:n] {
		if b == '\r' {
			p[i] = '\n'
		}
	}
	return n, err
}

// keepsASCII reports whether the encoding writes ASCII as ASCII.
func keepsASCII(e encoding.Encoding) bool {
	out, err := e.NewEncoder().Bytes([]byte("a\n"))
	return err == nil && string(out) == "a\n"
}

// line is one line without its end.
type line struct {
	raw    []byte // as in the file; valid until the next one is read
	text   []byte // as UTF-8
	number int64
	reason string // why it cannot be used, or ""
}

// next gives the next line, io.EOF after the last.
func (l *lineReader) next() (line, error) {
	raw, cut, err := l.raw()
	if err != nil {
		return line{}, err
	}
	l.number++
	out := line{raw: raw, text: raw, number: l.number}
	if cut {
		out.reason = tooLong
		return out, nil
	}
	if l.decoder != nil {
		l.decoder.Reset()
		if out.text, err = l.decoder.Bytes(raw); err != nil || bytes.Contains(out.text, replacement) {
			out.reason = badEncoding
		}
		return out, nil
	}
	if !utf8.Valid(raw) {
		out.reason = badEncoding
	}
	return out, nil
}

// raw reads up to a line end. Of a line that is too long only the beginning is kept.
func (l *lineReader) raw() (raw []byte, cut bool, err error) {
	l.buffer = l.buffer[:0]
	for {
		part, err := l.r.ReadSlice('\n')
		if !cut && len(l.buffer)+len(part) > maxLine {
			cut = true
			l.buffer = append(l.buffer, part...)[:keptOfALine]
		}
		if !cut {
			l.buffer = append(l.buffer, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && (len(l.buffer) > 0 || cut):
			return bytes.TrimSuffix(l.buffer, []byte("\r")), cut, nil
		case err != nil:
			return nil, false, err
		}
		return bytes.TrimSuffix(bytes.TrimSuffix(l.buffer, []byte("\n")), []byte("\r")), cut, nil
	}
}

// ndjson lands a record per line. A line that is no JSON is rejected and its neighbours go on; empty lines are nothing.
func (f *sourceFile) ndjson(r io.Reader, c *chunker) error {
	lines := newLineReader(r, f.stream.format)
	for {
		l, err := lines.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		text := bytes.TrimSpace(l.text)
		message := ""
		switch {
		case l.reason != "":
			message = lineMessage(l.reason)
		case len(text) == 0:
			continue
		default:
			if message = invalidJSON(text); message != "" {
				l.reason = notJSON
			}
		}
		if l.reason != "" {
			err = c.reject(ods.Reject{Raw: bytes.Clone(l.raw), Reason: l.reason, Message: message, Place: f.place(l.number)})
		} else {
			err = c.add(ods.Record{Raw: c.keep(text), File: f.path, Line: l.number})
		}
		if err != nil {
			return err
		}
	}
}

func (f *sourceFile) place(number int64) string { return fmt.Sprintf("%s:%d", f.path, number) }

func lineMessage(reason string) string {
	if reason == tooLong {
		return fmt.Sprintf("the line is longer than %d MB; only its beginning is kept", maxLine>>20)
	}
	return "the line has bytes that are not of the file's encoding"
}

// invalidJSON says what keeps the text from being one JSON value, "" when it is one.
func invalidJSON(text []byte) string {
	dec := jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	err := dec.SkipValue()
	if err == nil {
		if _, err = dec.ReadToken(); errors.Is(err, io.EOF) {
			return ""
		}
		if err == nil {
			return fmt.Sprintf("something follows the value at byte %d", dec.InputOffset())
		}
	}
	return plainJSONError(err).Error()
}
