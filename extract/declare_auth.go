package extract

import (
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

type authDecl struct {
	strict.Pos
	Type     strict.String `yaml:"type" enum:"bearer,api_key,basic,oauth2_client,oauth2_refresh,token_call,none"`
	Token    value         `yaml:"token"`
	Name     strict.String `yaml:"name"`
	Key      value         `yaml:"key"`
	In       strict.String `yaml:"in" enum:"header,query"`
	Username value         `yaml:"username"`
	Password value         `yaml:"password"`

	AccessKey value `yaml:"access_key"`
	SecretKey value `yaml:"secret_key"`

	Request       requestDecl                  `yaml:"request"`
	Extract       tokenDecl                    `yaml:"extract"`
	RefreshBefore strict.Placed[time.Duration] `yaml:"refresh_before"`
	TokenURL      strict.String                `yaml:"token_url"`
	ClientID      value                        `yaml:"client_id"`
	ClientSecret  value                        `yaml:"client_secret"`
	ClientAuth    strict.String                `yaml:"client_auth" enum:"body,header"`
	RefreshToken  value                        `yaml:"refresh_token"`
	Scope         value                        `yaml:"scope"`
	On            []ruleDecl                   `yaml:"on"`
}

// UnmarshalNode reads the keys and remembers the place.
func (a *authDecl) UnmarshalNode(n strict.Node) []strict.Problem {
	type keys authDecl
	problems := n.Decode((*keys)(a))
	a.Pos = n.Pos()
	return problems
}

// tokenDecl says where the parts of a token are in the answer.
type tokenDecl struct {
	Access    pathDecl `yaml:"access"`
	Refresh   pathDecl `yaml:"refresh"`
	ExpiresIn pathDecl `yaml:"expires_in"`
}

type signDecl struct {
	strict.Pos
	Over      []strict.String `yaml:"over,required" enum:"query,form,json,header"`
	Exclude   []string        `yaml:"exclude"`
	SkipEmpty bool            `yaml:"skip_empty"`
	Order     strict.String   `yaml:"order" enum:"key_asc,as_written"`
	Pair      strict.String   `yaml:"pair"`
	Join      string          `yaml:"join"`
	Wrap      value           `yaml:"wrap"`
	Key       value           `yaml:"key"`
	Algo      strict.String   `yaml:"algo,required" enum:"md5,sha1,sha256,hmac_md5,hmac_sha1,hmac_sha256,hmac_sha512"`
	Encode    strict.String   `yaml:"encode" enum:"hex,HEX,base64"`
	Into      intoDecl        `yaml:"into,required"`
}

// UnmarshalNode reads the keys and remembers the place.
func (s *signDecl) UnmarshalNode(n strict.Node) []strict.Problem {
	type keys signDecl
	problems := n.Decode((*keys)(s))
	s.Pos = n.Pos()
	return problems
}

// intoDecl names one parameter of a request: {form: sign}.
type intoDecl struct {
	strict.Pos
	part part
	name string
}

// UnmarshalNode reads the place and the name.
func (i *intoDecl) UnmarshalNode(n strict.Node) []strict.Problem {
	var at struct {
		Query  string `yaml:"query"`
		Form   string `yaml:"form"`
		JSON   string `yaml:"json"`
		Header string `yaml:"header"`
	}
	i.Pos = n.Pos()
	if problems := n.Decode(&at); len(problems) > 0 {
		return problems
	}
	for _, c := range []struct {
		part part
		name string
	}{{inQuery, at.Query}, {inForm, at.Form}, {inJSON, at.JSON}, {inHeader, at.Header}} {
		if c.name == "" {
			continue
		}
		if i.name != "" {
			return []strict.Problem{n.Problem("into names two places", "write one of query, form, json and header")}
		}
		i.part, i.name = c.part, c.name
	}
	if i.name == "" {
		return []strict.Problem{n.Problem("into names no place", "write {form: sign}, or query, json or header")}
	}
	return nil
}

// eachDecl is a list of values, or a query that gives them.
type eachDecl struct {
	strict.Pos
	values []any
	sql    string
}

// UnmarshalNode reads either form.
func (e *eachDecl) UnmarshalNode(n strict.Node) []strict.Problem {
	e.Pos = n.Pos()
	if n.Kind() == strict.Mapping {
		var query struct {
			SQL string `yaml:"sql,required"`
		}
		problems := n.Decode(&query)
		e.sql = query.SQL
		return problems
	}
	if n.Kind() == strict.Scalar {
		var text string
		if problems := n.Decode(&text); len(problems) > 0 {
			return problems
		}
		e.values = listed(text)
	} else if problems := n.Decode(&e.values); len(problems) > 0 {
		return problems
	}
	if len(e.values) == 0 {
		return []strict.Problem{n.Problem("each has no values, so nothing would be read", `write [a, b], or {sql: "select …"}`)}
	}
	seen := map[any]bool{}
	for _, v := range e.values {
		switch v.(type) {
		case string, int64, bool:
		default:
			if !isNumber(v) {
				return []strict.Problem{n.Problem("each wants single values", "write [a, b]")}
			}
		}
		if seen[v] {
			return []strict.Problem{n.Problem("each has "+plainText(v)+" twice", "remove one of them")}
		}
		seen[v] = true
	}
	return nil
}

// listed reads a list that stands in one text, as a variable of the environment holds it: 7, 12. What is written as a whole
// number is one, so that it is sent as one; 007 is a text.
func listed(text string) []any {
	var values []any
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || unicode.IsSpace(r) }) {
		if number, err := strconv.ParseInt(word, 10, 64); err == nil && strconv.FormatInt(number, 10) == word {
			values = append(values, number)
			continue
		}
		values = append(values, word)
	}
	return values
}

type routeDecl struct {
	strict.Pos
	NewerThan strict.Placed[strict.Duration] `yaml:"newer_than"`
	Path      value                          `yaml:"path,required"`
}

// UnmarshalNode reads the keys and remembers the place.
func (r *routeDecl) UnmarshalNode(n strict.Node) []strict.Problem {
	type keys routeDecl
	problems := n.Decode((*keys)(r))
	r.Pos = n.Pos()
	return problems
}
