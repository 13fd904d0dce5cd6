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
	// MaxRecord is how many bytes a record may have. It leaves room below the 256 MB of a jsonb value, whose form in the server is
	// larger than its text.
	MaxRecord = 64 << 20
	// hashSize is 128 bits: among 10^12 versions of a record, the chance that two of them collide is about 10^-15.
	hashSize = 16
)

type hash [hashSize]byte

// scanner walks one record after another. It finds what PostgreSQL would refuse, picks out the values at wanted paths,
// hashes the record's content, and writes it down as the server reads it fastest; nothing is decoded beyond escapes. It
// is not safe for concurrent use.
//
// The hash is the first 128 bits of SHA-256 (FIPS 180-4) over a canonical form, in which two records have the same bytes
// exactly when PostgreSQL's jsonb finds them equal: members sorted by length and bytes of their names, of repeated names
// the last, numbers as decimal digits and exponent, strings unescaped, every part with its kind and length.
//
// The text is the record as JSON with its members in that order, which is jsonb's own, and without white space: sorting
// is a tenth of what the server does for a record. Numbers and strings stand in it as written.
type scanner struct {
	tokens
	wanted *pathNode

	form     []byte // canonical form so far
	text     []byte // of the records so far; the last one may be unfinished
	spare    []byte // where members are put in order
	unquoted []byte // the string at hand
	digits   []byte // of the number at hand
	members  []member
	found    []value // by number of the wanted path
}

// member is one member of an open object: where in scanner.form it, its name and its value begin and where it ends, and
// where it begins and ends in scanner.text.
type member struct {
	start, name, value, end int32
	text, textEnd           int32
	// rank sorts members before their names are compared: the name's length, up to 255, then its first seven bytes.
	rank uint64
}

// value is a scalar found at a wanted path; its kind is 0 where there is none.
type value struct {
	kind jsontext.Kind
	raw  []byte // as written, within the record
}

func newScanner(paths [][]string) *scanner {
	return &scanner{wanted: newPathTree(paths), found: make([]value, len(paths))}
}

// expect makes room for the texts of records, which are never longer than the records.
func (s *scanner) expect(records []Record) {
	size := 0
	for _, r := range records {
		size += len(r.Raw)
	}
	s.text = make([]byte, 0, size)
}

// scan walks a record. The text stays as it is; what is left in s.found is valid until the next scan.
func (s *scanner) scan(record []byte) (sum hash, text []byte, refused *refusal) {
	if len(record) > MaxRecord {
		return hash{}, nil, refuse(ReasonTooLarge, "%d bytes, at most %d are landed", len(record), MaxRecord)
	}
	before := len(s.text)
	if refused := s.walk(record); refused != nil {
		s.text = s.text[:before]
		return hash{}, nil, refused
	}
	full := sha256.Sum256(s.form)
	return hash(full[:hashSize]), s.text[before:len(s.text):len(s.text)], nil
}

func (s *scanner) walk(record []byte) *refusal {
	clear(s.found)
	s.tokens = tokens{record: record}
	s.form, s.members = s.form[:0], s.members[:0]
	if !utf8.Valid(record) {
		return s.invalid()
	}
	if r := s.scanValue(s.wanted, 0); r != nil {
		return r
	}
	if s.peek() != 0 || s.at < len(record) {
		return refuse(ReasonInvalidJSON, "something follows the record at byte %d", s.at)
	}
	return nil
}

func (s *scanner) scanValue(node *pathNode, depth int) *refusal {
	c := s.peek()
	if c != '{' && c != '[' {
		return s.scanScalar(node, c)
	}
	s.forget(node)
	if depth == maxDepth {
		return refuse(ReasonTooDeep, "nested deeper than %d levels", maxDepth)
	}
	s.put(c)
	if c == '[' {
		return s.scanArray(depth)
	}
	return s.scanObject(node, depth)
}

// put takes a bracket over.
func (s *scanner) put(bracket byte) {
	s.at++
	s.form = append(s.form, bracket)
	s.text = append(s.text, bracket)
}

func (s *scanner) scanArray(depth int) *refusal {
	if s.peek() == ']' {
		s.put(']')
		return nil
	}
	for {
		if r := s.scanValue(nil, depth+1); r != nil {
			return r
		}
		switch s.peek() {
		case ',':
			s.at++
			s.text = append(s.text, ',')
		case ']':
			s.put(']')
			return nil
		default:
			return s.invalid()
		}
	}
}

func (s *scanner) scanObject(node *pathNode, depth int) *refusal {
	if s.peek() == '}' {
		s.put('}')
		return nil
	}
	first, ordered := len(s.members), true
	for {
		m, r := s.scanMember(node, depth)
		if r != nil {
			return r
		}
		ordered = ordered && (len(s.members) == first || s.compare(&s.members[len(s.members)-1], &m) < 0)
		s.members = append(s.members, m)
		switch s.peek() {
		case ',':
			s.at++
			s.text = append(s.text, ',')
			continue
		case '}':
		default:
			return s.invalid()
		}
		if !ordered {
			s.arrange(s.members[first:])
		}
		s.members = s.members[:first]
		s.put('}')
		return nil
	}
}

func (s *scanner) scanMember(node *pathNode, depth int) (m member, refused *refusal) {
	m.start, m.text = int32(len(s.form)), int32(len(s.text))
	if s.peek() != '"' {
		return m, s.invalid()
	}
	size, _, r := s.scanString()
	if r != nil {
		return m, r
	}
	if s.peek() != ':' {
		return m, s.invalid()
	}
	s.at++
	s.text = append(s.text, ':')
	m.value = int32(len(s.form))
	m.name = m.value - int32(size)
	name := s.form[m.name:m.value]
	m.rank = rank(name)
	r = s.scanValue(node.child(name), depth+1)
	m.end, m.textEnd = int32(len(s.form)), int32(len(s.text))
	return m, r
}

// rank is the same for equal names; for different ones it is the same only where both are longer than rankPrefix.
func rank(name []byte) uint64 {
	var prefix uint64
	if cap(name) >= 8 {
		prefix = binary.BigEndian.Uint64(name[:8]) // what follows the name is masked
	} else {
		var all [8]byte
		copy(all[:], name)
		prefix = binary.BigEndian.Uint64(all[:])
	}
	kept := min(len(name), rankPrefix)
	prefix &= ^uint64(0) << (64 - 8*kept)
	return uint64(min(len(name), 255))<<56 | prefix>>8
}

// compare orders members by their names, those of up to 254 bytes as jsonb does.
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

// arrange puts the members of an object, the last thing in s.form and s.text, in order and keeps the last of each name.
func (s *scanner) arrange(members []member) {
	start, text := members[0].start, members[0].text
	s.sort(members)
	last := 0
	for i := 1; i < len(members); i++ {
		if s.compare(&members[last], &members[i]) != 0 {
			last++
		}
		members[last] = members[i]
	}
	members = members[:last+1]
	s.spare = s.spare[:0]
	for i := range members {
		s.spare = append(s.spare, s.form[members[i].start:members[i].end]...)
	}
	s.form = append(s.form[:start], s.spare...)
	s.spare = s.spare[:0]
	for i := range members {
		if i > 0 {
			s.spare = append(s.spare, ',')
		}
		s.spare = append(s.spare, s.text[members[i].text:members[i].textEnd]...)
	}
	s.text = append(s.text[:text], s.spare...)
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

func (s *scanner) scanScalar(node *pathNode, c byte) *refusal {
	start := s.at
	kind := jsontext.Kind(c)
	switch {
	case c == '"':
		if _, _, r := s.scanString(); r != nil {
			return r
		}
	case c == '-' || isDigit(c):
		kind = jsontext.KindNumber
		if r := s.scanNumber(); r != nil {
			return r
		}
	case s.literal(c):
		s.form = append(s.form, c)
		s.text = append(s.text, s.record[start:s.at]...)
	default:
		return s.invalid()
	}
	if node != nil {
		s.remember(node, value{kind: kind, raw: s.record[start:s.at]})
	}
	return nil
}

// remember keeps the scalar for the paths that end at node.
func (s *scanner) remember(node *pathNode, v value) {
	s.forget(node)
	for _, i := range node.wanted {
		s.found[i] = v
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

// scanString takes a string over and says how long it is without its escapes.
func (s *scanner) scanString() (size int, raw []byte, refused *refusal) {
	raw, escaped, ok := s.quoted()
	if !ok {
		return 0, nil, s.invalid()
	}
	plain := raw[1 : len(raw)-1]
	if escaped {
		var err error
		if s.unquoted, err = jsontext.AppendUnquote(s.unquoted[:0], raw); err != nil {
			return 0, nil, s.invalid()
		}
		if bytes.IndexByte(s.unquoted, 0) >= 0 {
			return 0, nil, refuse(ReasonNUL, `a string holds \u0000, which PostgreSQL cannot store, before byte %d`, s.at)
		}
		plain = s.unquoted
	}
	s.form = append(s.form, '"')
	s.form = binary.AppendUvarint(s.form, uint64(len(plain)))
	s.form = append(s.form, plain...)
	s.text = append(s.text, raw...)
	return len(plain), raw, nil
}

func (s *scanner) scanNumber() *refusal {
	raw, ok := s.number()
	if !ok {
		return s.invalid()
	}
	s.text = append(s.text, raw...)
	s.form = append(s.form, '0')
	if isPlain(raw) {
		s.form = append(append(s.form, raw...), ';')
		return nil
	}
	d, ok := parseDecimal(s.digits, raw)
	s.digits = d.digits[:0]
	if !ok || !d.fits() {
		return refuse(ReasonNumber, "the number before byte %d is beyond what numeric holds", s.at)
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
		if !isDigit(c) {
			return false
		}
	}
	return true
}

// invalid says what is wrong with a record that is no JSON.
func (s *scanner) invalid() *refusal {
	switch {
	case !utf8.Valid(s.record):
		return refuse(ReasonInvalidUTF8, "not UTF-8, after byte %d", validPrefix(s.record))
	case jsontext.Value(s.record).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)):
		return refuse(ReasonLoneSurrogate, "half of a surrogate pair, before byte %d", s.at)
	default:
		return refuse(ReasonInvalidJSON, "not JSON, after byte %d", s.at)
	}
}

// validPrefix is how many bytes come before the first that is not UTF-8.
func validPrefix(text []byte) int {
	at := 0
	for at < len(text) {
		r, size := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		at += size
	}
	return at
}
