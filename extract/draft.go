package extract

import (
	"bytes"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// draft is a request whose parts are filled in, but not yet escaped for the wire.
type draft struct {
	query, form, headers []pair
	json                 []byte // nil: no JSON body
}

// pair is a named value as text.
type pair struct{ key, value string }

// pairs are the named values of one place, in the order in which they are sent. Those of a JSON body are its top members;
// a member that is no text is its JSON, as it is sent.
func (d *draft) pairs(p part) ([]pair, error) {
	switch p {
	case inQuery:
		return d.query, nil
	case inForm:
		return d.form, nil
	case inHeader:
		return d.headers, nil
	}
	members, err := membersOf(d.json)
	out := make([]pair, len(members))
	for i, m := range members {
		out[i] = pair{m.name, string(m.raw)}
		if m.raw.Kind() == '"' {
			out[i].value = unquote(m.raw)
		}
	}
	return out, err
}

// drop takes a name out of a place.
func (d *draft) drop(p part, name string) {
	named := func(q pair) bool { return q.key == name }
	switch p {
	case inQuery:
		d.query = slices.DeleteFunc(d.query, named)
	case inForm:
		d.form = slices.DeleteFunc(d.form, named)
	case inHeader:
		d.headers = slices.DeleteFunc(d.headers, func(q pair) bool { return strings.EqualFold(q.key, name) })
	case inJSON:
		members, err := membersOf(d.json)
		if err == nil && slices.ContainsFunc(members, func(m member) bool { return m.name == name }) {
			d.json = appendMembers(nil, slices.DeleteFunc(members, func(m member) bool { return m.name == name }))
		}
	}
}

// add puts a named value at the end of a place.
func (d *draft) add(p part, q pair) error {
	switch p {
	case inQuery:
		d.query = append(d.query, q)
	case inForm:
		d.form = append(d.form, q)
	case inHeader:
		d.headers = append(d.headers, q)
	case inJSON:
		return d.addMember(q.key, appendValue(nil, q.value))
	}
	return nil
}

// addMember puts a member at the end of the JSON body.
func (d *draft) addMember(name string, raw []byte) error {
	members, err := membersOf(d.json)
	d.json = appendMembers(nil, append(members, member{name, raw}))
	return err
}

// member is one member of a JSON object.
type member struct {
	name string
	raw  jsontext.Value
}

// membersOf are the members of a JSON object, in their order.
func membersOf(object []byte) ([]member, error) {
	var members []member
	dec := jsontext.NewDecoder(bytes.NewReader(object), jsontext.AllowDuplicateNames(true))
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		key := name.String()
		raw, err := dec.ReadValue()
		if err != nil {
			return nil, err
		}
		members = append(members, member{key, raw.Clone()})
	}
	return members, nil
}

func appendMembers(dst []byte, members []member) []byte {
	dst = append(dst, '{')
	for i, m := range members {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendValue(dst, m.name), ':')
		dst = append(dst, m.raw...)
	}
	return append(dst, '}')
}

// escaped writes pairs for a query or form.
func escaped(pairs []pair) string {
	var b strings.Builder
	for i, p := range pairs {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(p.key) + "=" + url.QueryEscape(p.value))
	}
	return b.String()
}

// unescapedPairs reads a query in its order. What is not escaped properly is taken as it stands.
func unescapedPairs(query string) []pair {
	var pairs []pair
	for part := range strings.SplitSeq(query, "&") {
		if part == "" {
			continue
		}
		key, value, _ := strings.Cut(part, "=")
		pairs = append(pairs, pair{unescaped(key), unescaped(value)})
	}
	return pairs
}

// unescaped is a query's text as people read it.
func unescaped(query string) string {
	if text, err := url.QueryUnescape(query); err == nil {
		return text
	}
	return query
}
