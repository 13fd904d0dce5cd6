package extract

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// keyRun is what the key of a keyset was in the records of one page: where the next page begins, and whether the records
// came in its order, without which those between two pages would be lost.
type keyRun struct {
	first   any // string, json.Number or, for an object, jsontext.Value; nil before the first record
	last    any
	tied    bool // the last record has the key of the one before it
	up      bool
	down    bool
	trouble string // why the key cannot be followed, "" when it can
}

// resumeKey stands among the meanings of a variant for the key where a reading begins, so that a recording has it.
const resumeKey = "resume"

// resume asks where the landed records of a keyset end. A query without a value leaves the declared start.
func (r *reading) resume(ctx context.Context) error {
	sql := r.stream.paginate.resume
	if sql == "" {
		return nil
	}
	values, err := r.deps.Lander.EachValues(ctx, sql)
	if err != nil {
		return fmt.Errorf("paginate.resume: %w", err)
	}
	if len(values) > 1 {
		return &Error{Kind: Settings, Message: "the query of paginate.resume gives several values", Hint: "write select max(…)"}
	}
	for _, value := range values {
		if err := r.beyond(value); err != nil {
			return err
		}
	}
	for _, meaning := range r.meanings {
		if len(values) == 1 {
			meaning[resumeKey] = values[0]
		}
	}
	return nil
}

// beyond is an error where reading would begin at a time that is still to come: the record that has it would keep all that
// come until then from being read. Numbers are not weighed: they may be times, or versions that only count.
func (r *reading) beyond(begin any) error {
	text, _ := begin.(string)
	at, err := parseStart(text, time.UTC)
	if err != nil || !at.After(r.deps.Now().Add(mostSkew)) {
		return nil
	}
	return &Error{
		Kind:    Incomplete,
		Message: fmt.Sprintf("paginate.resume begins at %s, which is in the future: what has an earlier %s would not be read", text, r.stream.paginate.paths["field"]),
		Hint:    "have its query leave out what lies in the future, such as by where (payload ->> 'ts')::timestamptz <= now()",
	}
}

var errStop = errors.New("stop")

// add takes in the key of the next record.
func (r *keyRun) add(key *selection, record []byte) {
	if r.trouble != "" {
		return
	}
	var found any
	// The record was read as JSON before; what is not found there is told below.
	_, _ = key.scan(bytes.NewReader(record), func(raw []byte, _ int64) error {
		found = keyOf(raw)
		return errStop
	})
	if found == nil {
		r.trouble = fmt.Sprintf("a record has no %s", key.records.text)
		return
	}
	if r.first == nil {
		r.first = found
	}
	if r.last != nil {
		order, ok := compareKeys(r.last, found)
		r.tied = ok && order == 0
		r.up = r.up || ok && order < 0
		r.down = r.down || ok && order > 0
	}
	if r.up && r.down {
		r.trouble = fmt.Sprintf("the records of a page are not in the order of %s", key.records.text)
	}
	r.last = found
}

// keyOf keeps the value's JSON type; nil for what cannot be a key.
func keyOf(raw jsontext.Value) any {
	switch raw.Kind() {
	case '"':
		return unquote(raw)
	case '0':
		return json.Number(raw)
	case '{':
		return raw.Clone()
	default:
		return nil
	}
}

// compareKeys orders numbers, texts of digits as numbers, and other texts by their bytes. Objects have no order.
func compareKeys(a, b any) (int, bool) {
	x, xIsText := keyText(a)
	y, yIsText := keyText(b)
	if allDigits(x) && allDigits(y) || !xIsText && !yIsText && isNumber(a) && isNumber(b) {
		return compareNumbers(x, y)
	}
	if !xIsText || !yIsText {
		return 0, false
	}
	return strings.Compare(x, y), true
}

func keyText(v any) (text string, isText bool) {
	if s, ok := v.(string); ok {
		return s, true
	}
	return plainText(v), false
}

func isNumber(v any) bool {
	switch v.(type) {
	case json.Number, int64:
		return true
	default:
		return false
	}
}

func allDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// nextKey goes on after the last record, and insists on progress in one direction.
func (p *pager) nextKey(a *answer, records int64) (bool, error) {
	if err := p.untied(a, records); err != nil {
		return false, err
	}
	if p.more >= 0 {
		if more, err := flag(a.env.get(p.more), p.paths["more"]); err != nil || !more {
			return false, err
		}
	}
	if records == 0 {
		return false, p.endsEmpty()
	}
	if p.more < 0 && p.reported != nil && *p.reported > 0 && !p.short() {
		return false, nil
	}
	if a.keys.trouble != "" {
		return false, &Error{Kind: UnexpectedContent, Message: a.keys.trouble, Hint: "correct paginate.field, or ask for the records in its order"}
	}
	for _, moved := range []struct{ yes, against bool }{{a.keys.up, p.falling}, {a.keys.down, p.rising}} {
		if moved.yes && moved.against {
			return false, p.turned()
		}
	}
	p.rising, p.falling = p.rising || a.keys.up, p.falling || a.keys.down
	if p.cursor != nil {
		order, ok := compareKeys(p.cursor, a.keys.last)
		switch {
		case ok && order == 0 && records < int64(p.size) && p.more < 0 && p.sameAsCursor(a.keys.first):
			// A source that includes the key it is given repeats the last records for ever. One that gives the page
			// before once more has others in front of them.
			return false, nil
		case ok && order == 0:
			return false, &Error{
				Kind: RepeatedPage, Message: fmt.Sprintf("%s does not move on from %s", p.paths["field"], shorten(plainText(p.cursor), 80)),
				Hint: "more records share this value than a page holds, or the request does not use it",
			}
		case ok && order < 0 && p.falling, ok && order > 0 && p.rising:
			return false, p.turned()
		}
		p.rising, p.falling = p.rising || ok && order < 0, p.falling || ok && order > 0
	}
	return p.goOn(a.keys.last)
}

// untied is an error where a full page ended amid records of one key, and this one begins after them: what else has that key
// is on neither. A source that includes the key it is given gives them once more.
func (p *pager) untied(a *answer, records int64) error {
	tie := p.tie
	p.tie = nil
	if a.keys.tied && p.size > 0 && records >= int64(p.size) {
		p.tie = a.keys.last
	}
	if tie == nil {
		return nil
	}
	if order, ok := compareKeys(tie, a.keys.first); records > 0 && (!ok || order == 0) {
		return nil
	}
	return &Error{
		Kind: Incomplete,
		Message: fmt.Sprintf("a page ended amid records whose %s is %s, and the next begins after them: others that have it may be lost",
			p.paths["field"], shorten(plainText(tie), 80)),
		Hint: "follow a field that no two records share, ask for records from that key on instead of after it, or for larger pages",
	}
}

func (p *pager) turned() error {
	return &Error{
		Kind: RepeatedPage, Message: fmt.Sprintf("%s goes up and down from page to page", p.paths["field"]),
		Hint: "ask for the records in its order",
	}
}

// endsEmpty is an empty page of a keyset, from which there is no way on.
func (p *pager) endsEmpty() error {
	if p.more < 0 {
		return nil
	}
	return &Error{Kind: Incomplete, Message: fmt.Sprintf("%s says that more follows, but the page has no records", p.paths["more"])}
}

// sameKey reports whether a page ends with the key that it was asked to begin after: nextKey says whether that is an end.
func (p *pager) sameKey(a *answer) bool {
	return p.kind == "keyset" && p.sameAsCursor(a.keys.last)
}

func (p *pager) sameAsCursor(key any) bool {
	if p.cursor == nil || key == nil {
		return false
	}
	order, ok := compareKeys(p.cursor, key)
	return ok && order == 0
}
