package extract

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/terrace-elt/terrace/ods"
)

// selection is what one pass over a document looks for: records, and single values of the envelope around them.
// It is built once per stream and may be used by many goroutines.
type selection struct {
	root     *node
	records  path
	captures int
}

// node is one place in a document that a path leads to or through.
type node struct {
	names   map[string]*node
	indexes map[int]*node
	each    *node
	capture int // index of the captured value, -1 for none
	records bool
	leads   bool   // records are here or below
	path    string // for messages
}

func newNode(place string) *node { return &node{capture: -1, path: place} }

// newSelection prepares a pass that emits what records selects. A nil records selects nothing.
func newSelection(records *path) *selection {
	s := &selection{root: newNode("$")}
	if records == nil {
		return s
	}
	s.records = *records
	n := s.root
	n.leads = true
	for i, st := range records.steps {
		n = n.child(st, records.upTo(i+1))
		n.leads = true
	}
	n.records = true
	return s
}

// want adds a single value to look for, and returns its index in what scan gives back.
func (s *selection) want(p path) int {
	n := s.root
	for i, st := range p.steps {
		n = n.child(st, p.upTo(i+1))
	}
	if n.capture < 0 {
		n.capture = s.captures
		s.captures++
	}
	return n.capture
}

func (n *node) child(s step, place string) *node {
	switch s.kind {
	case everyElement:
		if n.each == nil {
			n.each = newNode(place)
		}
		return n.each
	case byIndex:
		if n.indexes == nil {
			n.indexes = map[int]*node{}
		}
		if n.indexes[s.index] == nil {
			n.indexes[s.index] = newNode(place)
		}
		return n.indexes[s.index]
	default:
		if n.names == nil {
			n.names = map[string]*node{}
		}
		if n.names[s.name] == nil {
			n.names[s.name] = newNode(place)
		}
		return n.names[s.name]
	}
}

// found is one captured value. Objects and arrays are known by their kind only, so that a capture costs no memory.
type found struct {
	kind jsontext.Kind // 0: there is no such value
	raw  []byte        // of scalars
}

// envelope is what a pass found beside the records.
type envelope struct {
	values  []found
	count   int64  // records emitted
	missing string // why the records are not where they should be, "" when they are
	null    bool   // missing because of a null
}

// get returns the captured value with an index that want gave.
func (e envelope) get(i int) found {
	if i < 0 || i >= len(e.values) {
		return found{}
	}
	return e.values[i]
}

// errTruncated marks a document that ends before it is complete.
var errTruncated = errors.New("the document ends before it is complete")

// scan reads one JSON document from r and calls emit with the bytes of each record and the offset at which they begin.
// The bytes are valid until emit returns. Duplicate names and invalid UTF-8 pass: what PostgreSQL would refuse is found
// record by record when it is landed.
func (s *selection) scan(r io.Reader, emit func(raw []byte, offset int64) error) (envelope, error) {
	return s.scanUpTo(math.MaxInt64, r, emit, nil)
}

// scanLong is scan, and calls long in the place of emit for records that are too long to be landed.
func (s *selection) scanLong(r io.Reader, emit func(raw []byte, offset int64) error, long func(longValue, int64) error) (envelope, error) {
	return s.scanUpTo(ods.MaxRecord, r, emit, long)
}

// scanUpTo takes records of more than most bytes for too long.
func (s *selection) scanUpTo(most int64, r io.Reader, emit func(raw []byte, offset int64) error, long func(longValue, int64) error) (envelope, error) {
	w := &walker{emit: emit, long: long, most: most, env: envelope{values: make([]found, s.captures)}}
	w.read(r)
	if err := w.walk(s.root); err != nil {
		return w.env, plainJSONError(err)
	}
	if _, err := w.dec.ReadToken(); !errors.Is(err, io.EOF) {
		if err == nil {
			err = fmt.Errorf("something follows the document at byte %d", w.dec.InputOffset())
		}
		return w.env, plainJSONError(err)
	}
	return w.env, nil
}

// plainJSONError says truncation by errTruncated, whatever the decoder calls it.
func plainJSONError(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return errTruncated
	}
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		return fmt.Errorf("not JSON at byte %d: %w", syntax.ByteOffset, syntax.Err)
	}
	return err
}

type walker struct {
	dec  *jsontext.Decoder
	gate *gate // in front of it; nil for what is in memory
	base int64 // offset of the decoder's first byte in the document
	emit func(raw []byte, offset int64) error
	long func(longValue, int64) error
	most int64 // bytes of a record
	env  envelope
}

// walk consumes one value, which stands at n.
func (w *walker) walk(n *node) error {
	kind := w.dec.PeekKind()
	if n.capture >= 0 {
		w.env.values[n.capture] = found{kind: kind}
	}
	switch {
	case n.records:
		return w.record(n, kind)
	case kind == '{' && n.names != nil:
		return w.object(n)
	case kind == '[' && (n.each != nil || n.indexes != nil):
		return w.array(n)
	case kind == '{' || kind == '[':
		if n.leads {
			w.miss(n, kind)
		}
		return w.dec.SkipValue()
	}
	value, err := w.dec.ReadValue()
	if err != nil {
		return err
	}
	if n.capture >= 0 {
		w.env.values[n.capture].raw = bytes.Clone(value)
	}
	if n.leads {
		w.miss(n, kind)
	}
	return nil
}

func (w *walker) record(n *node, kind jsontext.Kind) error {
	value, err := w.value()
	if errors.Is(err, errLong) {
		return w.passOver()
	}
	if err != nil {
		return err
	}
	offset := w.base + w.dec.InputOffset() - int64(len(value))
	if int64(len(value)) > w.most {
		w.env.count++
		return w.long(longValue{head: bytes.Clone(value[:min(len(value), keptOfALine)]), size: int64(len(value))}, offset)
	}
	if kind == '[' || kind == 'n' && !elementOf(n) {
		w.miss(n, kind)
		return nil
	}
	if n.capture >= 0 && kind != '{' {
		w.env.values[n.capture].raw = bytes.Clone(value)
	}
	if n.names != nil && kind == '{' {
		if err := w.inside(n, value, offset); err != nil {
			return err
		}
	}
	w.env.count++
	return w.emit(value, offset)
}

// elementOf reports whether records at n are elements of an array; a null there is a record, elsewhere it is a miss.
func elementOf(n *node) bool { return strings.HasSuffix(n.path, "[*]") }

// inside looks for envelope values within a record, for documents that are one record.
func (w *walker) inside(n *node, value []byte, offset int64) error {
	sub := &walker{
		dec:  newDecoder(bytes.NewReader(value)),
		base: offset,
		env:  w.env,
	}
	below := *n
	below.records, below.leads, below.capture = false, false, -1
	return sub.walk(&below)
}

func (w *walker) object(n *node) error {
	if _, err := w.dec.ReadToken(); err != nil {
		return err
	}
	seen := 0
	for w.dec.PeekKind() != '}' {
		token, err := w.dec.ReadToken()
		if err != nil {
			return err
		}
		child := n.names[token.String()]
		if child == nil {
			if err := w.dec.SkipValue(); err != nil {
				return err
			}
			continue
		}
		if child.leads {
			seen++
		}
		if err := w.walk(child); err != nil {
			return err
		}
	}
	if _, err := w.dec.ReadToken(); err != nil {
		return err
	}
	if n.leads && seen == 0 {
		w.absent(n)
	}
	return nil
}

func (w *walker) array(n *node) error {
	if _, err := w.dec.ReadToken(); err != nil {
		return err
	}
	reached := n.each != nil && n.each.leads
	for i := 0; w.dec.PeekKind() != ']'; i++ {
		child := n.indexes[i]
		if child == nil || n.each != nil && n.each.leads {
			child = n.each
		}
		if child == nil {
			if err := w.dec.SkipValue(); err != nil {
				return err
			}
			continue
		}
		reached = reached || child.leads
		if err := w.walk(child); err != nil {
			return err
		}
	}
	if _, err := w.dec.ReadToken(); err != nil {
		return err
	}
	if n.leads && !reached {
		w.absent(n)
	}
	return nil
}

// absent notes that a container lacks the step that leads to the records.
func (w *walker) absent(n *node) {
	for _, child := range n.names {
		if child.leads {
			w.note(fmt.Sprintf("there is no %s", child.path))
		}
	}
	for _, child := range n.indexes {
		if child.leads {
			w.note(fmt.Sprintf("there is no %s", child.path))
		}
	}
}

// miss notes that the value at n is not of the kind that leads to the records.
func (w *walker) miss(n *node, kind jsontext.Kind) {
	if kind == 'n' {
		w.env.null = w.env.null || w.env.missing == ""
	}
	switch {
	case n.records && kind == '[':
		w.note(fmt.Sprintf("%s is an array; write %s[*] for its elements", n.path, n.path))
	case n.each != nil && n.each.leads:
		w.note(fmt.Sprintf("%s is %s, not an array", n.path, kindName(kind)))
	default:
		w.note(fmt.Sprintf("%s is %s", n.path, kindName(kind)))
	}
}

func (w *walker) note(why string) {
	if w.env.missing == "" {
		w.env.missing = why
	}
}

func kindName(kind jsontext.Kind) string {
	switch kind {
	case 'n':
		return "null"
	case 't', 'f':
		return "a boolean"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case '{':
		return "an object"
	case '[':
		return "an array"
	default:
		return "missing"
	}
}
