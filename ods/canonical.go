package ods

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	// rankPrefix is how many bytes of a name go into its rank.
	rankPrefix = 7
	// maxDepth is far below the depth, some 10,000, at which the stack of a server with default settings ends.
	maxDepth = 512
	// maxRecord leaves room below the 256 MB that a jsonb value may have, whose form in the server is larger than its text.
	maxRecord = 64 << 20
	// hashSize is 128 bits: among 10^12 versions of a record, the chance that two of them collide is about 10^-15.
	hashSize = 16
)

type hash [hashSize]byte

// scanner walks one record after another. It finds what PostgreSQL would refuse, picks out the values at wanted paths,
// and hashes the record's content; nothing is decoded beyond escapes. It is not safe for concurrent use.
//
// The hash is the first 128 bits of SHA-256 (FIPS 180-4) over a canonical form, in which two records have the same bytes
// exactly when PostgreSQL's jsonb finds them equal: members sorted by length and bytes of their names, of repeated names
// the last, numbers as decimal digits and exponent, strings unescaped, every part with its kind and length.
type scanner struct {
	decoder *jsontext.Decoder
	source  bytes.Buffer
	wanted  *pathNode

	record  []byte
	form    []byte   // canonical form so far
	spare   []byte   // where members are put in order
	digits  []byte   // of the number at hand
	members []member // of the objects that are open
	found   []value  // by number of the wanted path
}

// member is one member of an open object: where in scanner.form it, its name and its value begin, and where it ends.
type member struct {
	start, name, value, end int
	// rank sorts members before their names are compared: the name's first seven bytes, then its length.
	rank uint64
}

// value is a scalar found at a wanted path; its kind is 0 where there is none.
type value struct {
	kind jsontext.Kind
	raw  []byte // as written, within the record
}

func newScanner(paths [][]string) *scanner {
	return &scanner{
		decoder: jsontext.NewDecoder(bytes.NewReader(nil)),
		wanted:  newPathTree(paths),
		found:   make([]value, len(paths)),
	}
}

// scan walks a record. What it leaves in s.found is valid until the next scan.
func (s *scanner) scan(record []byte) (hash, *refusal) {
	if len(record) > maxRecord {
		return hash{}, refuse(ReasonTooLarge, "%d bytes, at most %d are landed", len(record), maxRecord)
	}
	clear(s.found)
	s.record, s.form, s.members = record, s.form[:0], s.members[:0]
	s.source = *bytes.NewBuffer(record)
	s.decoder.Reset(&s.source, jsontext.AllowDuplicateNames(true))
	if r := s.scanValue(s.wanted, 0); r != nil {
		return hash{}, r
	}
	if s.decoder.PeekKind() != jsontext.KindInvalid {
		return hash{}, refuse(ReasonInvalidJSON, "something follows the record at byte %d", s.decoder.InputOffset())
	}
	// At the end there is no kind to peek, and no more than white space to read.
	if len(bytes.TrimLeft(record[s.decoder.InputOffset():], " \t\r\n")) > 0 {
		return hash{}, s.invalid()
	}
	sum := sha256.Sum256(s.form)
	return hash(sum[:hashSize]), nil
}

func (s *scanner) scanValue(node *pathNode, depth int) *refusal {
	switch kind := s.decoder.PeekKind(); kind {
	case jsontext.KindBeginObject, jsontext.KindBeginArray:
		s.forget(node)
		if depth == maxDepth {
			return refuse(ReasonTooDeep, "nested deeper than %d levels", maxDepth)
		}
		if kind == jsontext.KindBeginArray {
			return s.scanArray(depth)
		}
		return s.scanObject(node, depth)
	default:
		return s.scanScalar(node, kind)
	}
}

func (s *scanner) scanArray(depth int) *refusal {
	if r := s.delimiter(); r != nil {
		return r
	}
	s.form = append(s.form, '[')
	for {
		switch s.decoder.PeekKind() {
		case jsontext.KindEndArray:
			s.form = append(s.form, ']')
			return s.delimiter()
		case jsontext.KindInvalid:
			return s.invalid()
		}
		if r := s.scanValue(nil, depth+1); r != nil {
			return r
		}
	}
}

func (s *scanner) scanObject(node *pathNode, depth int) *refusal {
	if r := s.delimiter(); r != nil {
		return r
	}
	first, ordered := len(s.members), true
	s.form = append(s.form, '{')
	for s.decoder.PeekKind() == jsontext.KindString {
		m := member{start: len(s.form)}
		if r := s.scanName(&m); r != nil {
			return r
		}
		if r := s.scanValue(node.child(s.form[m.name:m.value]), depth+1); r != nil {
			return r
		}
		m.end = len(s.form)
		ordered = ordered && (len(s.members) == first || s.compare(&s.members[len(s.members)-1], &m) < 0)
		s.members = append(s.members, m)
	}
	if !ordered {
		s.arrange(s.members[first:])
	}
	s.members = s.members[:first]
	s.form = append(s.form, '}')
	return s.delimiter()
}

func (s *scanner) delimiter() *refusal {
	if _, err := s.decoder.ReadToken(); err != nil {
		return s.invalid()
	}
	return nil
}

func (s *scanner) scanName(m *member) *refusal {
	raw, err := s.decoder.ReadValue()
	if err != nil {
		return s.invalid()
	}
	size, r := s.appendString(raw)
	m.value = len(s.form)
	m.name = m.value - size
	m.rank = rank(s.form[m.name:m.value])
	return r
}

// rank is the same for equal names; for different ones it is the same only where both are longer than rankPrefix.
func rank(name []byte) uint64 {
	var prefix [8]byte
	prefix[rankPrefix] = byte(min(len(name), 255))
	copy(prefix[:rankPrefix], name)
	return binary.BigEndian.Uint64(prefix[:])
}

// compare orders members by their names. Any order will do that is the same for every record.
func (s *scanner) compare(a, b *member) int {
	switch {
	case a.rank < b.rank:
		return -1
	case a.rank > b.rank:
		return 1
	case a.value-a.name <= rankPrefix: // the rank holds all of the name
		return 0
	default:
		return bytes.Compare(s.form[a.name:a.value], s.form[b.name:b.value])
	}
}

// arrange puts the members of an object, the last thing in s.form, in order and keeps the last of each name.
func (s *scanner) arrange(members []member) {
	start := members[0].start
	s.sort(members)
	s.spare = s.spare[:0]
	for i := range members {
		m := &members[i]
		if i+1 < len(members) && s.compare(m, &members[i+1]) == 0 {
			continue
		}
		s.spare = append(s.spare, s.form[m.start:m.end]...)
	}
	s.form = append(s.form[:start], s.spare...)
}

// sort is stable. Objects are small as a rule, and sorting them is a good part of the whole work, so that insertion
// without calls through a function pays.
func (s *scanner) sort(members []member) {
	if len(members) > 40 {
		slices.SortStableFunc(members, func(a, b member) int { return s.compare(&a, &b) })
		return
	}
	for i := 1; i < len(members); i++ {
		m := members[i]
		at := i
		for at > 0 && s.compare(&members[at-1], &m) > 0 {
			members[at] = members[at-1]
			at--
		}
		members[at] = m
	}
}

func (s *scanner) scanScalar(node *pathNode, kind jsontext.Kind) *refusal {
	raw, err := s.decoder.ReadValue()
	if err != nil {
		return s.invalid()
	}
	s.remember(node, kind, raw)
	switch kind {
	case jsontext.KindString:
		_, r := s.appendString(raw)
		return r
	case jsontext.KindNumber:
		return s.appendNumber(raw)
	default:
		s.form = append(s.form, byte(kind))
		return nil
	}
}

// remember keeps the scalar for the paths that end at node. The record's own bytes are kept: the decoder's may change.
func (s *scanner) remember(node *pathNode, kind jsontext.Kind, raw []byte) {
	if node == nil {
		return
	}
	s.forget(node)
	end := s.decoder.InputOffset()
	for _, i := range node.wanted {
		s.found[i] = value{kind: kind, raw: s.record[end-int64(len(raw)) : end]}
	}
}

// forget drops what was found at node and below it: of a repeated name only the last value counts.
func (s *scanner) forget(node *pathNode) {
	if node == nil {
		return
	}
	for _, i := range node.wanted {
		s.found[i] = value{}
	}
	for _, child := range node.children {
		s.forget(child)
	}
}

// appendString appends a string to the form and says how long it is without its escapes.
func (s *scanner) appendString(quoted []byte) (int, *refusal) {
	text := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(text, '\\') >= 0 {
		unquoted, err := jsontext.AppendUnquote(s.spare[:0], quoted)
		if err != nil {
			return 0, s.invalid()
		}
		if bytes.IndexByte(unquoted, 0) >= 0 {
			return 0, refuse(ReasonNUL, `a string holds \u0000, which PostgreSQL cannot store, before byte %d`, s.decoder.InputOffset())
		}
		s.spare, text = unquoted, unquoted
	}
	s.form = append(s.form, '"')
	s.form = binary.AppendUvarint(s.form, uint64(len(text)))
	s.form = append(s.form, text...)
	return len(text), nil
}

func (s *scanner) appendNumber(raw []byte) *refusal {
	s.form = append(s.form, '0')
	if isPlain(raw) {
		s.form = append(append(s.form, raw...), ';')
		return nil
	}
	d, ok := parseDecimal(s.digits, raw)
	s.digits = d.digits[:0]
	if !ok || !d.fits() {
		return refuse(ReasonNumber, "the number before byte %d is beyond what numeric holds", s.decoder.InputOffset())
	}
	s.form = d.appendTo(s.form)
	// A number's end must be seen in the form; no number contains this byte.
	s.form = append(s.form, ';')
	return nil
}

// isPlain reports whether a number is digits only, not 0 at either end: then it is its own form.
func isPlain(raw []byte) bool {
	if raw[0] == '0' || raw[len(raw)-1] == '0' || len(raw) > maxWhole {
		return false
	}
	for _, c := range raw {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// invalid says what is wrong with a record that the decoder refused.
func (s *scanner) invalid() *refusal {
	offset := s.decoder.InputOffset()
	switch {
	case !utf8.Valid(s.record):
		return refuse(ReasonInvalidUTF8, "not UTF-8, after byte %d", offset)
	case jsontext.Value(s.record).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)):
		return refuse(ReasonLoneSurrogate, "half of a surrogate pair, after byte %d", offset)
	default:
		return refuse(ReasonInvalidJSON, "not JSON, after byte %d", offset)
	}
}
