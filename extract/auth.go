package extract

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/terrace-elt/terrace/ods"
)

// The types of auth whose token is fetched.
const (
	tokenCall     = "token_call"
	oauth2Client  = "oauth2_client"
	oauth2Refresh = "oauth2_refresh"
)

// The names under which a request may hold the token.
const (
	tokenAccess  = "token.access"
	tokenRefresh = "token.refresh"
)

// auth is how a source knows us.
type auth struct {
	kind      string // bearer, api_key, basic, oauth2_client, oauth2_refresh, token_call, none
	token     value  // bearer
	name      string // api_key: header or query parameter
	key       value
	inQuery   bool
	username  value // basic; of the OAuth2 types the client's id and secret, if they go into a header
	password  value
	fetch     *tokenRequest // nil: there is nothing to fetch
	variables []string      // names of the environment that the credentials come from
}

// tokenRequest says how a token is fetched.
type tokenRequest struct {
	base      *url.URL
	request   request
	selection *selection
	access    int // indexes of captured values; -1 where not declared
	refresh   int
	expires   int
	rules     []rule
	said      []int // values by which services explain a refusal
	paths     map[string]string
	// seed is the refresh token to begin with.
	seed value
	// rotates says that the request holds ${token.refresh}, so that there must be one.
	rotates bool
	before  time.Duration // how long before its end a token is renewed
}

// credentials are what auth adds to every request.
type credentials struct {
	header, headerValue string
	query, queryValue   string
}

// renewable reports whether a token that is refused can be replaced by a new one.
func (a auth) renewable() bool { return a.fetch != nil }

// values are all values that credentials are made of.
func (a auth) values() []value {
	values := []value{a.token, a.key, a.username, a.password}
	if a.fetch != nil {
		values = append(values, a.fetch.seed)
		values = append(values, a.fetch.request.values()...)
	}
	return values
}

// credentials are those of a request, given the token that was fetched.
func (a auth) credentials(token ods.Token, s scope) (credentials, error) {
	plain := func(v value) (string, error) {
		text, err := v.plain(s)
		return strings.TrimSpace(text), err
	}
	switch a.kind {
	case "bearer":
		token, err := plain(a.token)
		return credentials{header: "Authorization", headerValue: "Bearer " + token}, err
	case oauth2Client, oauth2Refresh:
		return credentials{header: "Authorization", headerValue: "Bearer " + token.Access}, nil
	case "api_key":
		key, err := plain(a.key)
		if a.inQuery {
			return credentials{query: a.name, queryValue: key}, err
		}
		return credentials{header: a.name, headerValue: key}, err
	case "basic":
		return a.basic(plain)
	default:
		return credentials{}, nil
	}
}

func (a auth) basic(plain func(value) (string, error)) (credentials, error) {
	user, err := plain(a.username)
	password, errPassword := plain(a.password)
	pair := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	return credentials{header: "Authorization", headerValue: "Basic " + pair}, errors.Join(err, errPassword)
}

// ownCredentials are those of the request that fetches the token.
func (a auth) ownCredentials(s scope) (credentials, error) {
	if !a.username.isSet() {
		return credentials{}, nil
	}
	return a.basic(func(v value) (string, error) {
		text, err := v.plain(s)
		// RFC 6749 wants both parts encoded as in a form before they are joined.
		return url.QueryEscape(strings.TrimSpace(text)), err
	})
}

// hint says which variables to set.
func (a auth) hint(file string) string {
	if len(a.variables) == 0 {
		return "correct auth in " + file
	}
	return fmt.Sprintf("the token may have expired: set %s in the environment or in .env", strings.Join(a.variables, " and "))
}
