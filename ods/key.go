package ods

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
)

// maxKeyText keeps a key below the 2,704 bytes that an entry of a btree index may have.
const maxKeyText = 2600

// maxKeyDigits bounds a numeric key: 1e131071 is nine bytes of JSON and 131,072 of table.
const maxKeyDigits = 400

// keyPart is one column's value of one record's key.
type keyPart struct {
	// text is the same for values that PostgreSQL finds equal, and the server reads it as the column's type.
	text string
	// column is what COPY is given.
	column any
}

// keyType is a type that a key column may have: how PostgreSQL names it, and how a scalar of a record becomes one.
type keyType struct {
	sql   string
	oid   uint32
	parse func(kind jsontext.Kind, text string) (keyPart, error)
}

// keyTypes has every type of key columns under the names that declarations may use.
var keyTypes = map[string]keyType{
	"":                            {"text", pgtype.TextOID, parseTextKey},
	"text":                        {"text", pgtype.TextOID, parseTextKey},
	"bigint":                      {"bigint", pgtype.Int8OID, parseBigintKey},
	"int8":                        {"bigint", pgtype.Int8OID, parseBigintKey},
	"integer":                     {"integer", pgtype.Int4OID, parseIntegerKey},
	"int":                         {"integer", pgtype.Int4OID, parseIntegerKey},
	"int4":                        {"integer", pgtype.Int4OID, parseIntegerKey},
	"smallint":                    {"smallint", pgtype.Int2OID, parseSmallintKey},
	"int2":                        {"smallint", pgtype.Int2OID, parseSmallintKey},
	"numeric":                     {"numeric", pgtype.NumericOID, parseNumericKey},
	"decimal":                     {"numeric", pgtype.NumericOID, parseNumericKey},
	"uuid":                        {"uuid", pgtype.UUIDOID, parseUUIDKey},
	"boolean":                     {"boolean", pgtype.BoolOID, parseBooleanKey},
	"bool":                        {"boolean", pgtype.BoolOID, parseBooleanKey},
	"date":                        {"date", pgtype.DateOID, parseDateKey},
	"timestamp":                   {"timestamp without time zone", pgtype.TimestampOID, parseTimestampKey},
	"timestamp without time zone": {"timestamp without time zone", pgtype.TimestampOID, parseTimestampKey},
	"timestamptz":                 {"timestamp with time zone", pgtype.TimestamptzOID, parseInstantKey},
	"timestamp with time zone":    {"timestamp with time zone", pgtype.TimestamptzOID, parseInstantKey},
}

// KeyTypes are the SQL types that a key column may have.
func KeyTypes() []string {
	return []string{"text", "bigint", "integer", "smallint", "numeric", "uuid", "boolean", "date", "timestamp", "timestamptz"}
}

func keyTypeOf(column KeyColumn) (keyType, error) {
	t, ok := keyTypes[strings.ToLower(strings.TrimSpace(column.Type))]
	if !ok {
		return keyType{}, fmt.Errorf("key column %s: type %q cannot be a key's; use one of %s",
			column.Name, column.Type, strings.Join(KeyTypes(), ", "))
	}
	return t, nil
}

// parseTextKey gives what payload #>> path gives in SQL, so that the column and an expression over the payload agree.
func parseTextKey(kind jsontext.Kind, text string) (keyPart, error) {
	if kind == jsontext.KindNumber {
		d, ok := parseDecimal(nil, []byte(text))
		if !ok || d.point > maxKeyDigits || d.scale > maxKeyDigits {
			return keyPart{}, fmt.Errorf("has more than %d digits", maxKeyDigits)
		}
		text = string(d.appendPlain(nil))
	}
	if len(text) > maxKeyText {
		return keyPart{}, fmt.Errorf("has %d bytes, at most %d can be indexed", len(text), maxKeyText)
	}
	return keyPart{text, text}, nil
}

func parseBigintKey(_ jsontext.Kind, text string) (keyPart, error) {
	n, err := parseWhole(text, 64)
	return keyPart{strconv.FormatInt(n, 10), n}, err
}

func parseIntegerKey(_ jsontext.Kind, text string) (keyPart, error) {
	n, err := parseWhole(text, 32)
	return keyPart{strconv.FormatInt(n, 10), int32(n)}, err
}

func parseSmallintKey(_ jsontext.Kind, text string) (keyPart, error) {
	n, err := parseWhole(text, 16)
	return keyPart{strconv.FormatInt(n, 10), int16(n)}, err
}

// parseWhole reads plain digits only: 1e3 and 1.0 are no bigint to PostgreSQL either.
func parseWhole(text string, bits int) (int64, error) {
	n, err := strconv.ParseInt(text, 10, bits)
	if err != nil || text[0] == '+' {
		return 0, fmt.Errorf("is no whole number of %d bits", bits)
	}
	return n, nil
}

func parseNumericKey(_ jsontext.Kind, text string) (keyPart, error) {
	d, ok := parseDecimal(nil, []byte(text))
	if !ok || d.point > maxKeyDigits || d.scale > maxKeyDigits {
		return keyPart{}, fmt.Errorf("is no number of at most %d digits", maxKeyDigits)
	}
	var n pgtype.Numeric
	if err := n.Scan(string(d.appendPlain(nil))); err != nil {
		return keyPart{}, err
	}
	return keyPart{cmp.Or(string(d.appendTo(nil)), "0"), n}, nil
}

func parseUUIDKey(kind jsontext.Kind, text string) (keyPart, error) {
	id, err := uuid.Parse(text)
	if err != nil || kind != jsontext.KindString {
		return keyPart{}, fmt.Errorf("is no uuid")
	}
	return keyPart{id.String(), pgtype.UUID{Bytes: id, Valid: true}}, nil
}

func parseBooleanKey(_ jsontext.Kind, text string) (keyPart, error) {
	if text != "true" && text != "false" {
		return keyPart{}, fmt.Errorf("is neither true nor false")
	}
	return keyPart{text, text == "true"}, nil
}

func parseDateKey(_ jsontext.Kind, text string) (keyPart, error) {
	day, err := time.Parse(time.DateOnly, text)
	if err != nil || day.Year() < 1 {
		return keyPart{}, fmt.Errorf("is no date written as 2006-01-02")
	}
	return keyPart{text, day}, nil
}

func parseTimestampKey(_ jsontext.Kind, text string) (keyPart, error) {
	at, ok := parseTime(text, "2006-01-02T15:04:05", time.DateTime)
	if !ok {
		return keyPart{}, fmt.Errorf("is no time written as 2006-01-02 15:04:05, to the microsecond")
	}
	return keyPart{at.Format("2006-01-02 15:04:05.999999"), at}, nil
}

// parseInstantKey insists on a zone: without one the instant would depend on the session that lands it.
func parseInstantKey(_ jsontext.Kind, text string) (keyPart, error) {
	at, ok := parseTime(text, time.RFC3339, "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05-07")
	if !ok {
		return keyPart{}, fmt.Errorf("is no instant written as 2006-01-02T15:04:05+08:00, to the microsecond")
	}
	return keyPart{at.UTC().Format(time.RFC3339Nano), at}, nil
}

func parseTime(text string, layouts ...string) (time.Time, bool) {
	for _, layout := range layouts {
		at, err := time.Parse(layout, text)
		if err == nil {
			return at, at.Nanosecond()%1000 == 0 && at.UTC().Year() >= 1
		}
	}
	return time.Time{}, false
}
