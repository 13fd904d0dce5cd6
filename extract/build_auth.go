package extract

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

// auth reads how the source knows us.
func (b *builder) auth(s *Source) auth {
	d := &b.decl.Auth
	if d.Pos == (strict.Pos{}) {
		return auth{kind: "none"}
	}
	a := auth{kind: d.Type.Value, token: d.Token, name: d.Name.Value, key: d.Key, username: d.Username, password: d.Password}
	a.inQuery = d.In.Value == "query"
	if a.kind == "" {
		if !strict.HasErrors(b.problems) {
			b.fail(d.Pos, `"type" is missing`, "one of bearer, api_key, basic, oauth2_client, oauth2_refresh, token_call, none")
		}
		return a
	}
	b.authKeys(d)
	switch a.kind {
	case tokenCall:
		a.fetch = b.tokenCall(s, d)
	case oauth2Client, oauth2Refresh:
		a.fetch = b.oauth2(d, &a)
	}
	for _, v := range a.values() {
		var known []string
		if a.renewable() {
			known = []string{tokenRefresh, tokenAccess}
		}
		b.names(v, known, "")
		a.variables = append(a.variables, v.deepVariables()...)
	}
	slices.Sort(a.variables)
	a.variables = slices.Compact(a.variables)
	return a
}

// authKeys says which keys each type needs, and which it may have.
func (b *builder) authKeys(d *authDecl) {
	needed := map[string][]string{
		"bearer": {"token"}, "api_key": {"name", "key"}, "basic": {"username", "password"},
		oauth2Client: {"token_url", "client_id", "client_secret"}, oauth2Refresh: {"token_url", "client_id", "refresh_token"},
		tokenCall: {"request", "extract.access"},
	}[d.Type.Value]
	allowed := append(slices.Clone(needed), map[string][]string{
		"api_key":     {"in"},
		oauth2Client:  {"scope", "client_auth", "refresh_before", "on", "extract.access", "extract.refresh", "extract.expires_in"},
		oauth2Refresh: {"client_secret", "scope", "client_auth", "refresh_before", "on", "extract.access", "extract.refresh", "extract.expires_in"},
		tokenCall:     {"refresh_token", "refresh_before", "on", "extract.refresh", "extract.expires_in"},
	}[d.Type.Value]...)
	for _, k := range d.present() {
		if k.at != (strict.Pos{}) && !slices.Contains(allowed, k.name) {
			b.fail(k.at, fmt.Sprintf("auth of type %s has no %q", d.Type.Value, k.name), "remove it")
		}
		if k.at == (strict.Pos{}) && slices.Contains(needed, k.name) {
			b.fail(d.Pos, fmt.Sprintf("auth of type %s needs %q", d.Type.Value, k.name), "")
		}
	}
}

// key is a key of a declaration and where it is, the zero Pos when it is not there.
type key struct {
	name string
	at   strict.Pos
}

func (a *authDecl) present() []key {
	return []key{
		{"token", a.Token.Pos},
		{"name", a.Name.Pos},
		{"key", a.Key.Pos},
		{"in", a.In.Pos},
		{"username", a.Username.Pos},
		{"password", a.Password.Pos},
		{"request", a.Request.Pos},
		{"extract.access", a.Extract.Access.Pos},
		{"extract.refresh", a.Extract.Refresh.Pos},
		{"extract.expires_in", a.Extract.ExpiresIn.Pos},
		{"refresh_before", a.RefreshBefore.Pos},
		{"token_url", a.TokenURL.Pos},
		{"client_id", a.ClientID.Pos},
		{"client_secret", a.ClientSecret.Pos},
		{"client_auth", a.ClientAuth.Pos},
		{"refresh_token", a.RefreshToken.Pos},
		{"scope", a.Scope.Pos},
		{"on", firstOf(a.On)},
	}
}

// firstOf is where rules begin, the zero Pos where there are none.
func firstOf(rules []ruleDecl) strict.Pos {
	if len(rules) == 0 {
		return strict.Pos{}
	}
	return rules[0].Pos
}

// tokenCall reads a request for a token that is like any other request of the source.
func (b *builder) tokenCall(s *Source, d *authDecl) *tokenRequest {
	how := b.tokenRequest(d, tokenDecl{})
	how.base, how.request = s.baseURL, b.request(d.Request, d.Pos)
	if base, path, ok := absolute(how.request.path); ok {
		how.base, how.request.path = base, path
	}
	b.signed(&how.request, d.Request, s.sign)
	for _, v := range how.request.values() {
		v.walk(func(e *expr, _ strict.Pos) { how.rotates = how.rotates || e.kind == refExpr && e.name == tokenRefresh })
	}
	if d.RefreshToken.isSet() && !how.rotates {
		b.fail(d.RefreshToken.Pos, "the request does not use ${token.refresh}", "put it into the request, or remove refresh_token")
	}
	return how
}

// absolute splits a path that is an address of its own.
func absolute(path value) (*url.URL, value, bool) {
	u, err := url.Parse(path.text.text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || len(path.text.parts) != 1 {
		return nil, path, false
	}
	rest := *u
	rest.Scheme, rest.Host, rest.User = "", "", nil
	path.text = template{text: rest.String(), parts: []templatePart{{text: rest.String()}}}
	u.Path, u.RawQuery, u.Fragment, u.RawPath = "", "", "", ""
	return u, path, true
}

// oauth2 makes the request of RFC 6749, §4.4 or §6.
func (b *builder) oauth2(d *authDecl, a *auth) *tokenRequest {
	text := func(s string) value { t, _ := parseTemplate(s); return value{kind: textValue, text: t} } // of our own
	how := b.tokenRequest(d, tokenDecl{
		Access: ownPath("$.access_token"), Refresh: ownPath("$.refresh_token"), ExpiresIn: ownPath("$.expires_in"),
	})
	u, err := url.Parse(d.TokenURL.Value)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		b.fail(d.TokenURL.Pos, "token_url is no address", "write https://host/path")
		u = &url.URL{}
	}
	how.base = u
	grant := "client_credentials"
	if a.kind == oauth2Refresh {
		grant, how.rotates = "refresh_token", true
	}
	form := strict.Map[value]{{Key: "grant_type", Value: text(grant)}}
	if how.rotates {
		form = append(form, strict.Entry[value]{Key: "refresh_token", Value: text("${token.refresh}")})
	}
	if d.Scope.isSet() {
		form = append(form, strict.Entry[value]{Key: "scope", Value: d.Scope})
	}
	if d.ClientAuth.Value == "header" {
		a.username, a.password = d.ClientID, d.ClientSecret
	} else {
		form = append(form, strict.Entry[value]{Key: "client_id", Value: d.ClientID})
		if d.ClientSecret.isSet() {
			form = append(form, strict.Entry[value]{Key: "client_secret", Value: d.ClientSecret})
		}
	}
	how.request = request{method: "POST", path: text(""), form: form}
	return how
}

func ownPath(text string) pathDecl {
	p, _ := parsePath(text) // of our own
	return pathDecl{path: p}
}

// tokenRequest reads what the types whose token is fetched have in common.
func (b *builder) tokenRequest(d *authDecl, usual tokenDecl) *tokenRequest {
	how := &tokenRequest{
		selection: newSelection(nil), access: -1, refresh: -1, expires: -1, paths: map[string]string{},
		seed: d.RefreshToken, before: defaultRefreshBefore,
	}
	for _, c := range []struct {
		name       string
		own, usual pathDecl
		index      *int
	}{
		{"access", d.Extract.Access, usual.Access, &how.access},
		{"refresh", d.Extract.Refresh, usual.Refresh, &how.refresh},
		{"expires_in", d.Extract.ExpiresIn, usual.ExpiresIn, &how.expires},
	} {
		from := c.own
		if !from.isSet() {
			from = c.usual
		}
		switch {
		case from.text == "":
		case !from.single() || len(from.steps) == 0:
			b.fail(from.Pos, fmt.Sprintf("%s is a single value, %s is not", c.name, from.text), "write $.data.access_token")
		default:
			*c.index = how.selection.want(from.path)
			how.paths[c.name] = from.text
		}
	}
	for _, name := range []string{"$.code", "$.errcode", "$.error", "$.error_description", "$.msg", "$.message", "$.errmsg"} {
		how.said = append(how.said, how.selection.want(ownPath(name).path))
	}
	for _, r := range d.On {
		if do := action(r.Do.Value); do == doRenew || do == doSkip {
			b.fail(r.Do.Pos, fmt.Sprintf("a request for a token has no %q", do), "write retry, backoff or fail")
		}
	}
	how.rules = b.rules(d.On, how.selection)
	if !d.RefreshBefore.IsZero() {
		if how.before = d.RefreshBefore.Value; how.before < 0 {
			b.fail(d.RefreshBefore.Pos, "refresh_before must not be negative", "")
		}
	}
	return how
}

// tokenIsUsed refuses a token that is fetched for nothing.
func (b *builder) tokenIsUsed(s *Source) {
	if s.auth.kind != tokenCall {
		return
	}
	used := false
	for _, stream := range s.Streams {
		for _, v := range stream.request.values() {
			v.walk(func(e *expr, _ strict.Pos) { used = used || e.kind == refExpr && e.name == tokenAccess })
		}
	}
	if !used {
		b.fail(b.decl.Auth.Pos, "no request uses ${token.access}", `put it where the source wants it: headers: {Authorization: "Bearer ${token.access}"}`)
	}
}

// deepVariables are the names of the environment that the value mentions, at any depth.
func (v value) deepVariables() []string {
	names := slices.Clone(v.variables)
	for _, item := range v.items {
		names = append(names, item.deepVariables()...)
	}
	for _, f := range v.fields {
		names = append(names, f.Value.deepVariables()...)
	}
	return names
}

// isWord reports whether a text has only what parameters' names have.
func isWord(text string) bool {
	return text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == ""
}
