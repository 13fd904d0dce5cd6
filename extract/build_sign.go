package extract

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

// signing reads how requests are signed, nil when they are not.
func (b *builder) signing() *sign {
	d := &b.decl.Sign
	if d.Pos == (strict.Pos{}) {
		return nil
	}
	g := &sign{
		exclude: d.Exclude, skipEmpty: d.SkipEmpty, asWritten: d.Order.Value == "as_written",
		pair: cmp.Or(d.Pair.Value, "{key}{value}"), join: d.Join, wrap: d.Wrap, key: d.Key,
		algo: cmp.Or(d.Algo.Value, "md5"), encode: d.Encode.Value, into: d.Into.part, name: d.Into.name,
	}
	for _, p := range d.Over {
		g.over = append(g.over, part(p.Value))
	}
	if !g.wrap.isSet() {
		g.wrap = value{kind: textValue, text: template{text: "{pairs}", parts: []templatePart{{text: "{pairs}"}}}}
	}
	if g.wrap.kind != textValue {
		b.fail(d.Wrap.Pos, "wrap wants a text", `write "${env:SECRET}{pairs}"`)
	}
	for _, name := range braced(g.pair) {
		if name != "key" && name != "value" {
			b.fail(d.Pair.Pos, fmt.Sprintf("{%s} means nothing in pair", name), "there are {key} and {value}")
		}
	}
	keyed := algorithms[g.algo].keyed
	switch {
	case keyed && !g.key.isSet():
		b.fail(d.Pos, fmt.Sprintf(`sign by %s needs "key"`, g.algo), `write key: "${env:SECRET}"`)
	case !keyed && g.key.isSet():
		b.fail(d.Key.Pos, fmt.Sprintf("%s takes no key", g.algo), "put the secret into wrap, or use hmac_sha256")
	}
	b.names(g.wrap, nil, "")
	b.names(g.key, nil, "")
	return g
}

// signed notes the signature of a request, unless it says that it goes unsigned.
func (b *builder) signed(r *request, d requestDecl, g *sign) {
	if g == nil {
		if !d.Sign.IsZero() && d.Sign.Value {
			b.fail(d.Sign.Pos, "the source does not say how to sign", "declare sign beside auth")
		}
		return
	}
	if !d.Sign.IsZero() && !d.Sign.Value {
		return
	}
	if why := g.checkFit(*r); why != "" && d.Pos != (strict.Pos{}) {
		b.fail(d.Pos, why, "correct sign.over and sign.into, or write sign: false for this request")
	}
	r.sign = g
}

// signNames refuses names in wrap that no request has.
func (b *builder) signNames(s *Source) {
	if s.sign == nil {
		return
	}
	var known []string
	add := func(r request) {
		for _, pairs := range []strict.Map[value]{r.query, r.form, r.headers, r.json.fields} {
			for _, p := range pairs {
				known = append(known, p.Key)
			}
		}
	}
	for _, stream := range s.Streams {
		add(stream.request)
	}
	if s.auth.fetch != nil {
		add(s.auth.fetch.request)
	}
	for _, part := range s.sign.wrap.text.parts {
		for _, name := range braced(part.text) {
			if name != "pairs" && isWord(name) && !slices.Contains(known, name) {
				b.fail(s.sign.wrap.Pos, fmt.Sprintf("no request has a parameter %q for {%s} in wrap", name, name), strict.Suggest(name, known, "there are {pairs}, "))
			}
		}
	}
}
