package ods

import (
	"bytes"
	"cmp"
	"strconv"
)

// What PostgreSQL's numeric holds: digits before the decimal point, digits after it, and the exponent that it reads.
const (
	maxWhole    = 131072
	maxFraction = 16383
	maxExponent = 1 << 30
)

// decimal is a number as written, split up without rounding: its value is 0.digits × 10^point, negated when negative.
// Digits have no zeros at either end; zero has none at all.
type decimal struct {
	negative bool
	digits   []byte
	point    int
	// scale is how many digits stand after the decimal point as written: numeric keeps it, so it has a limit too.
	scale int
}

// parseDecimal splits a JSON number; the digits are written over dst. It reports false for what is none, and for an
// exponent that PostgreSQL would not read.
func parseDecimal(dst, text []byte) (decimal, bool) {
	d := decimal{digits: dst[:0]}
	text, d.negative = bytes.CutPrefix(text, []byte("-"))
	whole, text := leadingDigits(text)
	var fraction []byte
	if len(text) > 0 && text[0] == '.' {
		if fraction, text = leadingDigits(text[1:]); len(fraction) == 0 {
			return d, false
		}
	}
	exponent, ok := parseExponent(text)
	if !ok || len(whole) == 0 {
		return d, false
	}
	d.scale = max(0, len(fraction)-exponent)
	d.point = len(whole) + exponent
	d.digits = append(append(d.digits, whole...), fraction...)
	d.trim()
	return d, true
}

func (d *decimal) trim() {
	significant := bytes.TrimLeft(d.digits, "0")
	d.point -= len(d.digits) - len(significant)
	// Moved to the front, so that the buffer keeps its room for the next number.
	d.digits = append(d.digits[:0], bytes.TrimRight(significant, "0")...)
	if len(d.digits) == 0 {
		d.negative, d.point = false, 0
	}
}

func leadingDigits(text []byte) (digits, rest []byte) {
	n := 0
	for n < len(text) && '0' <= text[n] && text[n] <= '9' {
		n++
	}
	return text[:n], text[n:]
}

func parseExponent(text []byte) (int, bool) {
	if len(text) == 0 {
		return 0, true
	}
	if text[0] != 'e' && text[0] != 'E' {
		return 0, false
	}
	exponent, err := strconv.Atoi(string(text[1:]))
	return exponent, err == nil && -maxExponent < exponent && exponent < maxExponent
}

// fits reports whether PostgreSQL's numeric can hold the number.
func (d decimal) fits() bool {
	return d.point <= maxWhole && d.scale <= maxFraction
}

// appendTo appends a form that equal numbers share: 100, 1e2 and 100.0 give the same bytes.
func (d decimal) appendTo(dst []byte) []byte {
	if d.negative {
		dst = append(dst, '-')
	}
	dst = append(dst, d.digits...)
	if d.point == len(d.digits) {
		return dst
	}
	dst = append(dst, 'e')
	return strconv.AppendInt(dst, int64(d.point-len(d.digits)), 10)
}

// appendPlain appends the number as PostgreSQL prints it: no exponent, and as many digits after the point as written.
func (d decimal) appendPlain(dst []byte) []byte {
	if d.negative {
		dst = append(dst, '-')
	}
	if d.point <= 0 {
		dst = append(dst, '0')
	}
	for i := range d.point {
		dst = append(dst, d.digitAt(i))
	}
	if d.scale == 0 {
		return dst
	}
	dst = append(dst, '.')
	for i := range d.scale {
		dst = append(dst, d.digitAt(d.point+i))
	}
	return dst
}

// digitAt is the digit at a position counted from the first significant one; 0 where none was written.
func (d decimal) digitAt(i int) byte {
	if i < 0 || i >= len(d.digits) {
		return '0'
	}
	return d.digits[i]
}

// compare orders by value.
func (d decimal) compare(other decimal) int {
	if d.sign() != other.sign() {
		return cmp.Compare(d.sign(), other.sign())
	}
	magnitude := cmp.Compare(d.point, other.point)
	if magnitude == 0 {
		magnitude = bytes.Compare(d.digits, other.digits)
	}
	return magnitude * d.sign()
}

func (d decimal) sign() int {
	switch {
	case len(d.digits) == 0:
		return 0
	case d.negative:
		return -1
	default:
		return 1
	}
}
