package extract

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strings"
)

// sign says how a request is signed. It is applied last, to what is about to be sent.
type sign struct {
	over      []part
	exclude   []string
	skipEmpty bool
	asWritten bool   // else sorted by the bytes of the keys
	pair      string // {key} and {value}
	join      string
	wrap      value // {pairs}, or {name} for the value of a parameter
	key       value // of the HMACs
	algo      string
	encode    string
	into      part
	name      string
}

// part is a part of a request that holds named values.
type part string

const (
	inQuery  part = "query"
	inForm   part = "form"
	inJSON   part = "json"
	inHeader part = "header"
)

// algorithms by name, and whether they take a key.
var algorithms = map[string]struct {
	hash  func() hash.Hash
	keyed bool
}{
	"md5":         {md5.New, false}, // the recipes of the services ask for it
	"sha1":        {sha1.New, false},
	"sha256":      {sha256.New, false},
	"hmac_md5":    {md5.New, true},
	"hmac_sha1":   {sha1.New, true},
	"hmac_sha256": {sha256.New, true},
	"hmac_sha512": {sha512.New, true},
}

// apply puts the signature into the draft, in the place of one that is there.
func (g *sign) apply(d *draft, s scope) error {
	d.drop(g.into, g.name)
	if s.masked {
		return d.add(g.into, pair{g.name, "‹sign›"})
	}
	text, err := g.text(d, s)
	if err != nil {
		return err
	}
	signature, err := g.digest(text, s)
	if err != nil {
		return err
	}
	return d.add(g.into, pair{g.name, signature})
}

// text is what is hashed: values as they are before they are escaped for the wire.
func (g *sign) text(d *draft, s scope) (string, error) {
	var all []pair
	for _, p := range g.over {
		pairs, err := d.pairs(p)
		if err != nil {
			return "", err
		}
		all = append(all, pairs...)
	}
	signed := slices.DeleteFunc(slices.Clone(all), func(p pair) bool {
		return slices.Contains(g.exclude, p.key) || g.skipEmpty && p.value == ""
	})
	if !g.asWritten {
		slices.SortStableFunc(signed, func(a, b pair) int { return strings.Compare(a.key, b.key) })
	}
	parts := make([]string, len(signed))
	for i, p := range signed {
		parts[i] = expand(g.pair, func(name string) (string, bool) {
			return map[string]string{"key": p.key, "value": p.value}[name], name == "key" || name == "value"
		})
	}
	return g.wrapped(strings.Join(parts, g.join), all, s)
}

// wrapped puts the pairs between the texts of wrap. What a placeholder gives is not looked into.
func (g *sign) wrapped(pairs string, all []pair, s scope) (string, error) {
	var b strings.Builder
	for _, part := range g.wrap.text.parts {
		if part.expr != nil {
			v, err := part.expr.eval(s)
			if err != nil {
				return "", err
			}
			b.WriteString(plainText(v))
			continue
		}
		b.WriteString(expand(part.text, func(name string) (string, bool) {
			if name == "pairs" {
				return pairs, true
			}
			at := slices.IndexFunc(all, func(p pair) bool { return p.key == name })
			if at < 0 {
				return "", true // a parameter that this request lacks, as a first page lacks its cursor
			}
			return all[at].value, true
		}))
	}
	return b.String(), nil
}

func (g *sign) digest(text string, s scope) (string, error) {
	algorithm := algorithms[g.algo]
	h := algorithm.hash()
	if algorithm.keyed {
		key, err := g.key.plain(s)
		if err != nil {
			return "", err
		}
		h = hmac.New(algorithm.hash, []byte(key))
	}
	h.Write([]byte(text))
	sum := h.Sum(nil)
	switch g.encode {
	case "base64":
		return base64.StdEncoding.EncodeToString(sum), nil
	case "HEX":
		return strings.ToUpper(hex.EncodeToString(sum)), nil
	default:
		return hex.EncodeToString(sum), nil
	}
}

// expand replaces {name} by what lookup gives; what it does not know stays as it is.
func expand(text string, lookup func(string) (string, bool)) string {
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(text, "{")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		name, rest, closed := strings.Cut(after, "}")
		value, known := lookup(name)
		if !closed || !known {
			b.WriteByte('{')
			text = after
			continue
		}
		b.WriteString(value)
		text = rest
	}
}

// braced are the names that a text has in braces.
func braced(text string) []string {
	var names []string
	expand(text, func(name string) (string, bool) {
		names = append(names, name)
		return "", true
	})
	return names
}

// checkFit says why the request cannot be signed, or "".
func (g *sign) checkFit(r request) string {
	for _, p := range append(slices.Clone(g.over), g.into) {
		switch {
		case p == inForm && (r.method == "GET" || r.json.isSet()):
			return fmt.Sprintf("sign works on the form, which a %s request with these parts does not have", r.method)
		case p == inJSON && r.json.kind != objectValue:
			return "sign works on the members of json, and this request has no json object"
		}
	}
	return ""
}
