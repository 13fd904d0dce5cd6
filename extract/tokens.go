package extract

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/terrace-elt/terrace/ods"
)

// TokenStore keeps the tokens of sources where all processes find them. *ods.Store is one.
type TokenStore interface {
	// Token is the source's token as it was saved last; the zero Token when there is none.
	Token(ctx context.Context, source string) (ods.Token, error)
	// RenewToken saves what renew makes of the present token, and returns it when it is saved. One process renews a
	// source's token at a time.
	RenewToken(ctx context.Context, source string, renew func(context.Context, ods.Token) (ods.Token, error)) (ods.Token, error)
}

// ownTokens keeps a token in memory, for a reader without a TokenStore. Its one user takes turns.
type ownTokens struct{ token ods.Token }

func (o *ownTokens) Token(context.Context, string) (ods.Token, error) { return o.token, nil }

func (o *ownTokens) RenewToken(ctx context.Context, _ string, renew func(context.Context, ods.Token) (ods.Token, error)) (ods.Token, error) {
	token, err := renew(ctx, o.token)
	if err == nil {
		o.token = token
	}
	return token, err
}

// A token is renewed this long before its end unless refresh_before says otherwise, but never before half of its life is
// over. When that fails while the token still lives, the next attempt comes after a pause.
const (
	defaultRefreshBefore = time.Minute
	refreshPause         = 30 * time.Second
)

// tokens keeps the token of one source. Many goroutines ask for it; one at a time looks, and renews.
type tokens struct {
	client *client
	store  TokenStore
	turn   chan struct{}
	token  ods.Token // and what follows: owned by whoever has the turn
	pause  time.Time
}

func newTokens(c *client, store TokenStore) *tokens {
	if store == nil {
		store = &ownTokens{}
	}
	return &tokens{client: c, store: store, turn: make(chan struct{}, 1)}
}

// current is a token that should be good. It is fetched when there is none, and renewed when it is about to end.
func (t *tokens) current(ctx context.Context, traffic *traffic) (ods.Token, error) {
	if err := t.take(ctx); err != nil {
		return ods.Token{}, err
	}
	defer func() { <-t.turn }()
	if t.token.Access == "" {
		saved, err := t.store.Token(ctx, t.client.source.Name)
		if err != nil {
			return ods.Token{}, ownError{err}
		}
		t.adopt(saved)
	}
	now := t.client.now()
	if t.token.Access != "" && (!t.due(t.token) || now.Before(t.pause)) {
		return t.token, nil
	}
	err := t.replace(ctx, t.token.Access, traffic)
	if err != nil && ctx.Err() == nil && t.token.Access != "" && now.Before(t.token.Expires) {
		t.client.log.WarnContext(ctx, "token is not renewed yet", "source", t.client.source.Name, "error", err)
		t.pause = now.Add(refreshPause)
		return t.token, nil
	}
	return t.token, err
}

// renew gives another token than the one that the source refused.
func (t *tokens) renew(ctx context.Context, refused string, traffic *traffic) (ods.Token, error) {
	if err := t.take(ctx); err != nil {
		return ods.Token{}, err
	}
	defer func() { <-t.turn }()
	if t.token.Access != refused && t.token.Access != "" {
		return t.token, nil // another request was refused before this one
	}
	err := t.replace(ctx, refused, traffic)
	return t.token, err
}

func (t *tokens) take(ctx context.Context) error {
	select {
	case t.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// replace fetches a token in the place of a stale one, unless another process has done so.
func (t *tokens) replace(ctx context.Context, stale string, traffic *traffic) error {
	token, err := t.store.RenewToken(ctx, t.client.source.Name, func(ctx context.Context, present ods.Token) (ods.Token, error) {
		t.client.secrets.add(present.Access, present.Refresh)
		if present.Access != "" && present.Access != stale && !t.due(present) {
			return present, nil
		}
		return t.fetch(ctx, present, traffic)
	})
	var known *Error
	switch {
	case err == nil:
		t.adopt(token)
		return nil
	case errors.As(err, &known):
		return err
	default:
		return ownError{err}
	}
}

func (t *tokens) adopt(token ods.Token) {
	t.client.secrets.add(token.Access, token.Refresh)
	t.token, t.pause = token, time.Time{}
}

func (t *tokens) due(token ods.Token) bool {
	if token.Expires.IsZero() {
		return false
	}
	before := min(t.client.source.auth.fetch.before, token.Expires.Sub(token.Issued)/2)
	return !t.client.now().Before(token.Expires.Add(-before))
}

// fetch asks the source for a token: with the present refresh token and, when that one is refused, with the declared one.
// A refresh token that was used but whose successor was lost is of no use any more, and the way out is a new declared one.
func (t *tokens) fetch(ctx context.Context, present ods.Token, traffic *traffic) (ods.Token, error) {
	c := t.client
	how := c.source.auth.fetch
	if !how.rotates {
		return t.ask(ctx, present, traffic)
	}
	var seed string
	if how.seed.isSet() {
		var err error
		if seed, err = how.seed.plain(c.scope(fill{}, false)); err != nil {
			return ods.Token{}, c.settings(err, "auth")
		}
		c.secrets.add(seed)
	}
	candidates := slices.Compact(slices.DeleteFunc([]string{present.Refresh, strings.TrimSpace(seed)}, func(r string) bool { return r == "" }))
	if len(candidates) == 0 {
		return t.askWithout(ctx, traffic)
	}
	var refused error
	for _, refresh := range candidates {
		with := present
		with.Refresh = refresh
		token, err := t.ask(ctx, with, traffic)
		var e *Error
		if err == nil || !errors.As(err, &e) || e.Kind != Auth {
			return token, err
		}
		refused = err
	}
	return ods.Token{}, refused
}

// askWithout asks for the first token where no refresh token is known. Some sources give one for the other credentials.
func (t *tokens) askWithout(ctx context.Context, traffic *traffic) (ods.Token, error) {
	token, err := t.ask(ctx, ods.Token{}, traffic)
	var e *Error
	if errors.As(err, &e) && e.Kind == Auth {
		e.Hint = `there is no refresh token to begin with: give auth a refresh_token: "${env:NAME}"; those that follow are kept in the database`
	}
	return token, err
}

// ask sends the request for a token.
func (t *tokens) ask(ctx context.Context, with ods.Token, traffic *traffic) (ods.Token, error) {
	c := t.client
	how := c.source.auth.fetch
	a, err := c.fetchToken(ctx, how, with, traffic)
	if err != nil {
		return ods.Token{}, err
	}
	defer func() { _ = a.body.close() }() // a temporary file without a name
	refuse := func(message string) error {
		return &Error{Kind: Auth, Message: message + how.explained(a.env), Hint: c.source.auth.hint(c.source.File), Request: a.request}
	}
	token := ods.Token{Refresh: with.Refresh, Issued: c.now().UTC().Truncate(time.Microsecond)}
	if token.Access = textOf(a.env.get(how.access)); token.Access == "" {
		return ods.Token{}, refuse(fmt.Sprintf("the answer has no token at %s", how.paths["access"]))
	}
	if refresh := textOf(a.env.get(how.refresh)); refresh != "" {
		token.Refresh = refresh
	}
	if life := textOf(a.env.get(how.expires)); life != "" {
		seconds, err := strconv.ParseFloat(life, 64)
		if err != nil || !(seconds > 0) || seconds > maxTokenLife.Seconds() {
			return ods.Token{}, refuse(fmt.Sprintf("%s is no length of time in seconds", how.paths["expires_in"]))
		}
		token.Expires = token.Issued.Add(time.Duration(seconds * float64(time.Second)))
	}
	return token, nil
}

// maxTokenLife is beyond what any service means by expires_in; a moment in place of a length is above it.
const maxTokenLife = 20 * 365 * 24 * time.Hour

// explained adds what the source says, in the fields that services use for it. The rest of the answer is not shown: it may
// hold a token.
func (r *tokenRequest) explained(e envelope) string {
	var said []string
	for _, i := range r.said {
		if text := textOf(e.get(i)); text != "" {
			said = append(said, shorten(text, 120))
		}
	}
	if len(said) == 0 {
		return ""
	}
	return "; it says " + oneLine(strings.Join(said, ", "))
}

// textOf is a string or number as text, "" for anything else.
func textOf(f found) string {
	switch f.kind {
	case '"':
		return unquote(f.raw)
	case '0':
		return string(f.raw)
	default:
		return ""
	}
}
