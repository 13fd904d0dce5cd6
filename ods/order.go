package ods

import (
	"cmp"
	"strings"
	"time"
)

// order is a place in the sequence of a record's versions, from the field that Stream.Version names. All places compare:
// no value comes before a number, a number before an instant, an instant before any other text.
type order struct {
	kind    orderKind
	number  decimal
	instant time.Time
	text    string
}

type orderKind int

const (
	orderNone orderKind = iota
	orderNumber
	orderInstant
	orderText
)

// orderLayouts are the writings of an instant that do not sort as text: those with a zone.
var orderLayouts = []string{time.RFC3339, "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05-0700", "2006-01-02 15:04:05-0700"}

// parseOrder reads the value as text, as payload #>> path gives it; nil is a record without the field.
func parseOrder(text *string) order {
	if text == nil || *text == "" {
		return order{}
	}
	if d, ok := parseDecimal(nil, []byte(*text)); ok {
		return order{kind: orderNumber, number: d}
	}
	for _, layout := range orderLayouts {
		if at, err := time.Parse(layout, *text); err == nil {
			return order{kind: orderInstant, instant: at}
		}
	}
	return order{kind: orderText, text: *text}
}

func (o order) compare(other order) int {
	return cmp.Or(
		cmp.Compare(o.kind, other.kind),
		o.number.compare(other.number),
		o.instant.Compare(other.instant),
		strings.Compare(o.text, other.text),
	)
}
