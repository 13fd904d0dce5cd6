package extract

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/terrace-elt/terrace/ods"
)

// A record of more than ods.MaxRecord cannot be landed, and a decoder would hold all of it. It is passed over to its end, and
// only its beginning is kept.

// betweenRecords is room for what stands between two records.
const betweenRecords = 4096

var errLong = errors.New("a record is too long")

// gate lets so many bytes more go to a decoder.
type gate struct {
	io.Reader
	left int64
}

func (g *gate) Read(p []byte) (int, error) {
	if g.left <= 0 {
		return 0, errLong
	}
	n, err := g.Reader.Read(p[:min(int64(len(p)), g.left)])
	g.left -= int64(n)
	return n, err
}

// read reads from r. What is in memory already is taken as it is.
func (w *walker) read(r io.Reader) {
	if _, inMemory := r.(*bytes.Buffer); !inMemory {
		w.gate = &gate{r, math.MaxInt64}
		r = w.gate
	}
	w.dec = newDecoder(r)
}

func newDecoder(r io.Reader) *jsontext.Decoder {
	return jsontext.NewDecoder(r, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// value reads a record; errLong says that it is too long for that, and has not been read.
func (w *walker) value() (jsontext.Value, error) {
	if w.gate == nil || w.most == math.MaxInt64 {
		return w.dec.ReadValue()
	}
	w.gate.left = max(w.most-int64(len(w.dec.UnreadBuffer())), 0) + betweenRecords
	value, err := w.dec.ReadValue()
	w.gate.left = math.MaxInt64
	return value, err
}

// passOver goes on behind a record that is too long, with another decoder, which is led to the same place in a document that
// has a number there.
func (w *walker) passOver() error {
	at := w.base + w.dec.InputOffset()
	rest := bufio.NewReaderSize(io.MultiReader(bytes.NewReader(w.dec.UnreadBuffer()), w.gate.Reader), 1<<16)
	var way strings.Builder
	steps := 1
	for level := 1; level <= w.dec.StackDepth(); level++ {
		steps++
		if kind, _ := w.dec.StackIndex(level); kind == '[' {
			way.WriteByte('[')
			continue
		}
		steps++
		way.WriteString(`{"":`)
	}
	way.WriteByte('0')
	value, err := readLong(rest)
	if err != nil {
		return err
	}
	w.read(io.MultiReader(strings.NewReader(way.String()), rest))
	for range steps {
		if _, err := w.dec.ReadToken(); err != nil {
			return err
		}
	}
	w.base = at + value.before + value.size - w.dec.InputOffset()
	w.env.count++
	return w.long(value, at+value.before)
}

// longValue is what is known of a value that is too long.
type longValue struct {
	head         []byte // its first bytes
	size, before int64  // its length, and that of what stands between the token before it and it
}

// passOver is for those who do not ask for what is too long.
func passOver(longValue, int64) error { return nil }

// reject says why it is not landed.
func (v longValue) reject(place string) ods.Reject {
	return ods.Reject{
		Raw: v.head, Reason: tooLong, Place: place,
		Message: fmt.Sprintf("%d bytes, at most %d are landed; only its beginning is kept", v.size, ods.MaxRecord),
	}
}

// readLong reads a value to its end, which brackets and quotes tell.
func readLong(r *bufio.Reader) (v longValue, err error) {
	depth, quoted, escaped := 0, false, false
	for {
		c, err := r.ReadByte()
		if err != nil {
			return v, noEOF(err)
		}
		if v.size == 0 && strings.IndexByte(" \t\r\n,:", c) >= 0 {
			v.before++
			continue
		}
		if depth == 0 && !quoted && v.size > 0 && strings.IndexByte(" \t\r\n,]}", c) >= 0 {
			return v, r.UnreadByte() // the end of a number
		}
		if v.size++; v.size <= keptOfALine {
			v.head = append(v.head, c)
		}
		switch {
		case escaped:
			escaped = false
		case quoted:
			escaped, quoted = c == '\\', c != '"'
		case c == '"':
			quoted = true
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
		if ends := c == '"' || c == '}' || c == ']'; ends && depth == 0 && !quoted && v.size > 1 {
			return v, nil
		}
	}
}
