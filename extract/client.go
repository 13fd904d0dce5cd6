package extract

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-cleanhttp"

	"github.com/terrace-elt/terrace/dag/model/strict"
	"github.com/terrace-elt/terrace/ods"
)

// maxRedirects is how many redirects of one request are followed.
const maxRedirects = 10

// client speaks to one source. All streams of the source share it, and with it the source's limits.
type client struct {
	source  *Source
	http    *http.Client
	limits  pacer
	slots   chan struct{} // one for each request at a time
	secrets *Secrets
	tokens  *tokens // nil: no token is fetched
	now     func() time.Time
	env     func(string) (string, bool)
	log     *slog.Logger
	tempDir string
	retry   Retry
	skew    atomic.Int64 // how far the source's clock is ahead of ours, in nanoseconds; 0 where they agree
	// replaying clients ask a recording: without credentials, limits and waits.
	replaying bool
}

// Retry bounds how often and how long a request is repeated. Zero fields mean the defaults.
type Retry struct {
	Attempts int           // 7: the first and six more
	Min, Max time.Duration // waits grow from Min (1 s) to Max (1 min), with jitter
	// Longest is the longest wait that a source may ask for (10 min). A longer one ends the reading with an error
	// instead of being cut short.
	Longest time.Duration
}

func (r Retry) withDefaults() Retry {
	if r.Attempts <= 0 {
		r.Attempts = 7
	}
	if r.Min <= 0 {
		r.Min = time.Second
	}
	if r.Max <= 0 {
		r.Max = time.Minute
	}
	if r.Longest <= 0 {
		r.Longest = 10 * time.Minute
	}
	return r
}

// newClient makes a client that knows its credentials.
func newClient(s *Source, d Deps) (*client, error) {
	c := newAnonymous(s, d)
	if c.replaying {
		return c, nil
	}
	if _, err := s.auth.credentials(ods.Token{}, c.scope(fill{}, false)); err != nil {
		return nil, c.settings(err, "auth")
	}
	if s.auth.renewable() {
		c.tokens = newTokens(c, d.Tokens)
	}
	return c, nil
}

// newAnonymous makes a client without credentials, which serves to describe requests.
func newAnonymous(s *Source, d Deps) *client {
	transport := d.Transport
	if transport == nil {
		transport = cleanhttp.DefaultPooledTransport()
	}
	c := &client{
		source:  s,
		limits:  newPacer(s, d),
		slots:   make(chan struct{}, s.limits.concurrency),
		secrets: NewSecrets(s.secretValues(d.LookupEnv)...),
		now:     d.Now,
		env:     d.LookupEnv,
		log:     d.Log,
		tempDir: d.TempDir,
		retry:   d.Retry.withDefaults(),
	}
	switch {
	case d.Recording != nil:
		transport, c.replaying, c.limits = replayTransport{d.Recording}, true, newLimiter(nil, d.Now)
	case d.Recorder != nil:
		transport = recordingTransport{transport, d.Recorder}
	}
	c.http = &http.Client{Transport: transport, Timeout: s.limits.timeout, CheckRedirect: stayHome}
	return c
}

// settings says that a variable of the environment is missing.
func (c *client) settings(err error, where string) error {
	var unset *unsetError
	if !errors.As(err, &unset) {
		return &Error{Kind: Settings, Message: c.secrets.Redact(err.Error())}
	}
	return &Error{
		Kind:    Settings,
		Message: fmt.Sprintf("%s, which %s of source %s needs", unset, where, c.source.Name),
		Hint:    fmt.Sprintf("set %s in the environment or in .env; %s uses it", unset.name, c.source.File),
	}
}

// secretValues are all values that the source's declaration takes from the environment, the password of its address
// among them.
func (s *Source) secretValues(env func(string) (string, bool)) []string {
	var names []string
	var collect func(value)
	collect = func(v value) {
		names = append(names, v.secretVariables...)
		for _, item := range v.items {
			collect(item)
		}
		for _, f := range v.fields {
			collect(f.Value)
		}
	}
	for _, v := range s.values() {
		collect(v)
	}
	slices.Sort(names)
	var values []string
	for _, name := range slices.Compact(names) {
		if v, ok := env(name); ok {
			values = append(values, v)
		}
	}
	return append(values, s.declaredSecrets(scope{env: env, zone: time.UTC})...)
}

// declaredSecrets are those that are written in the declaration itself, or were a default there: no less secret for that.
func (s *Source) declaredSecrets(sc scope) []string {
	secret := []value{s.auth.token, s.auth.key, s.auth.password}
	if s.sign != nil {
		secret = append(secret, s.sign.key)
	}
	if how := s.auth.fetch; how != nil {
		secret = append(secret, how.seed)
		for _, pairs := range []strict.Map[value]{how.request.query, how.request.form, how.request.headers, how.request.json.fields} {
			for _, p := range pairs {
				if soundsSecret(p.Key) {
					secret = append(secret, p.Value)
				}
			}
		}
	}
	var values []string
	for _, v := range secret {
		if text, err := v.plain(sc); err == nil {
			values = append(values, text)
		}
	}
	if c, err := s.auth.credentials(ods.Token{}, sc); err == nil && s.auth.kind == "basic" {
		values = append(values, strings.TrimPrefix(c.headerValue, "Basic "))
	}
	values = append(values, passwordOf(s.baseURL))
	if address, err := s.url.plain(sc); err == nil && s.url.isSet() {
		values = append(values, address)
		if u, err := url.Parse(strings.TrimSpace(address)); err == nil {
			values = append(values, passwordOf(u), u.Query().Get("password"))
		}
	}
	return values
}

func passwordOf(u *url.URL) string {
	if u == nil {
		return ""
	}
	password, _ := u.User.Password()
	return password
}

// errRefusedRedirect marks a redirect that would carry a request's body away.
var errRefusedRedirect = errors.New("redirected to another host with a body; the declaration must name that host")

// stayHome follows redirects, but takes nothing that we know along to another origin: no header, no body, no referrer.
func stayHome(req *http.Request, via []*http.Request) error {
	// The referrer is the whole former address, with the credentials in its query.
	req.Header.Del("Referer")
	if len(via) > maxRedirects {
		return fmt.Errorf("more than %d redirects", maxRedirects)
	}
	first := via[0].URL
	if req.URL.Scheme == first.Scheme && req.URL.Host == first.Host {
		return nil
	}
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		return fmt.Errorf("%w: %s://%s", errRefusedRedirect, req.URL.Scheme, req.URL.Host)
	}
	for name := range req.Header {
		if name != "Accept" && name != "User-Agent" {
			req.Header.Del(name)
		}
	}
	return nil
}

// acquire takes a place among the requests that may be made at once.
func (c *client) acquire(ctx context.Context) error {
	select {
	case c.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (c *client) release() { <-c.slots }

// fill is what a request needs of its slice, page and parent.
type fill struct {
	values map[string]any
	zone   *time.Location
	path   *value   // where route leads, nil: the request's own
	link   *url.URL // where the page before says that this one is; nil for the first
	// end is that of the slice's window, zero without one.
	end time.Time
}

func (c *client) scope(f fill, masked bool) scope {
	zone := f.zone
	if zone == nil {
		zone = time.UTC
	}
	return scope{values: f.values, env: c.env, now: c.theirNow(), zone: zone, link: f.link, masked: masked}
}
