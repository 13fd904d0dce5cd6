package ods

import (
	"encoding/binary"
	"math/bits"
)

// tokens reads a record's JSON token by token (RFC 8259), each a part of the record's own bytes. jsontext, by which it is
// tested, does it in three times the time, and this is most of what landing does on this side of the connection. What it
// lets pass is valid but for two things: bytes that are no UTF-8, and the escapes of strings.
type tokens struct {
	record []byte
	at     int // of the next byte
}

// peek skips white space and gives the byte that follows, 0 at the end.
func (t *tokens) peek() byte {
	for t.at < len(t.record) {
		switch c := t.record[t.at]; c {
		case ' ', '\n', '\r', '\t':
			t.at++
		default:
			return c
		}
	}
	return 0
}

// literal reads what begins with c, if it is true, false or null.
func (t *tokens) literal(c byte) bool {
	word := ""
	switch c {
	case 't':
		word = "true"
	case 'f':
		word = "false"
	case 'n':
		word = "null"
	}
	end := t.at + len(word)
	if word == "" || end > len(t.record) || string(t.record[t.at:end]) != word {
		return false
	}
	t.at = end
	return true
}

// Eight bytes of one value each.
const (
	ones       = 0x0101010101010101
	tops       = 0x80 * ones
	quote8     = '"' * ones
	backslash8 = '\\' * ones
	space8     = ' ' * ones
)

// quoted reads a string, whose first quote is next. Its escapes, if it has any, are not looked at.
func (t *tokens) quoted() (raw []byte, escaped, ok bool) {
	record := t.record
	for i := t.at + 1; i < len(record); {
		if i+8 <= len(record) {
			// Eight bytes at a time, up to the first that is a quote, a backslash or a control character.
			w := binary.LittleEndian.Uint64(record[i:])
			q, b := w^quote8, w^backslash8
			special := ((q-ones)&^q | (b-ones)&^b | (w-space8)&^w) & tops
			if special == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(special) / 8
		}
		switch c := record[i]; {
		case c == '"':
			raw = record[t.at : i+1]
			t.at = i + 1
			return raw, escaped, true
		case c == '\\':
			escaped = true
			i += 2
		case c < ' ':
			return nil, false, false
		default:
			i++
		}
	}
	return nil, false, false
}

// number reads a number, whose first byte is next.
func (t *tokens) number() (raw []byte, ok bool) {
	start := t.at
	if t.record[t.at] == '-' {
		t.at++
	}
	zero := t.at < len(t.record) && t.record[t.at] == '0'
	if n := t.skipDigits(); n == 0 || zero && n > 1 {
		return nil, false
	}
	if t.at < len(t.record) && t.record[t.at] == '.' {
		t.at++
		if t.skipDigits() == 0 {
			return nil, false
		}
	}
	if t.at < len(t.record) && t.record[t.at]|0x20 == 'e' {
		t.at++
		if t.at < len(t.record) && (t.record[t.at] == '+' || t.record[t.at] == '-') {
			t.at++
		}
		if t.skipDigits() == 0 {
			return nil, false
		}
	}
	return t.record[start:t.at], true
}

// skipDigits says how many it has passed.
func (t *tokens) skipDigits() int {
	start := t.at
	for t.at < len(t.record) && isDigit(t.record[t.at]) {
		t.at++
	}
	return t.at - start
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
