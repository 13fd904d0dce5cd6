package extract

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/terrace-elt/terrace/ods"
)

// answer is a response that was received whole and judged good.
type answer struct {
	selection *selection
	body      *body
	env       envelope
	content   [sha256.Size]byte // hash of the records
	records   [][]byte          // of a body in memory; those of a larger one are read from it again
	keys      keyRun            // of the records, where paginate follows a key
	skipped   bool              // a rule says that there is nothing to read
	address   *url.URL          // where it came from in the end
	links     []string          // its Link headers
	endpoint  string
	request   string
	fetched   time.Time
}

// traffic counts what went over the wire.
type traffic struct {
	requests, retries, bytes atomic.Int64
	waited                   atomic.Int64 // nanoseconds
}

// call is one request and its repetitions.
type call struct {
	*client
	label     string // what it is for: "stream crm_ods.orders", "auth"
	base      *url.URL
	request   request
	responses responses
	keyset    *selection // nil: paginate follows no key
	fill      fill
	traffic   *traffic
	ctx       context.Context //nolint:containedctx // backoff, which tells of the wait, is not given one
	wire      wire
	line      string
	answer    *answer
	exchange  *exchange     // nil: neither recorded nor replayed
	asked     time.Duration // how long the source wants to be left alone, 0 if it does not say
	fetching  bool          // it fetches the token, so that it has none but the one it is given
	token     ods.Token     // of this attempt
	why       string        // the last attempt was no good, for people
	refused   bool          // the source does not accept the token
	renewed   bool          // and the present one has taken the place of such a token
	stream    *Stream       // nil: it is not for records
	crossing  bool          // the last attempt's answer crossed another, and contradicts it
	crossings int           // how often that was so
	// repetitions counts the attempts after the first.
	repetitions int
}

// fetch asks for one page until it has a good answer, a final refusal, or no attempts left.
func (c *client) fetch(ctx context.Context, s *Stream, f fill, t *traffic) (*answer, error) {
	k := &call{
		client: c, label: "stream " + s.Name, base: c.source.baseURL, request: s.request, responses: s.responses,
		keyset: s.paginate.keyset, fill: f, traffic: t, exchange: newExchange(s, f, c.secrets), stream: s,
	}
	if f.path != nil {
		k.request.path = *f.path
	}
	if err := c.acquire(ctx); err != nil {
		return nil, err
	}
	defer c.release()
	return k.send(ctx)
}

// fetchToken asks for a token. It takes no place among the source's requests: whoever waits for the token may have taken
// the last. Its answer belongs to no slice, though a slice needs it: it is not recorded, and has no place among the pages.
func (c *client) fetchToken(ctx context.Context, how *tokenRequest, with ods.Token, t *traffic) (*answer, error) {
	k := &call{
		client: c, label: "auth", base: how.base, request: how.request, responses: responses{selection: how.selection, rules: how.rules},
		traffic: t, fetching: true, token: with,
	}
	a, err := k.send((*seat)(nil).with(ctx))
	var e *Error
	if errors.As(err, &e) && e.Kind == Refused && !e.repeat {
		e.Kind, e.Hint = Auth, c.source.auth.hint(c.source.File)
	}
	if e != nil {
		e.common = true
	}
	return a, err
}

func (k *call) send(ctx context.Context) (*answer, error) {
	k.answer = &answer{selection: k.responses.selection}
	k.answer.endpoint, k.line = k.describe(k.base, k.request, k.fill)
	k.answer.request = k.line
	ctx = k.exchange.in(ctx, k.line)
	k.ctx = ctx
	if err := k.ready(ctx); err != nil {
		return nil, k.explain(ctx, err)
	}
	req, err := retryablehttp.NewRequestWithContext(ctx, k.wire.method, k.wire.url.String(), retryablehttp.ReaderFunc(k.sent))
	if err != nil {
		return nil, k.explain(ctx, err)
	}
	k.dress(req.Request)
	req.SetResponseHandler(k.judge)
	retrying := &retryablehttp.Client{
		HTTPClient: k.http, RetryMax: k.retry.Attempts - 1, RetryWaitMin: k.retry.Min, RetryWaitMax: k.retry.Max,
		CheckRetry: k.again, Backoff: k.backoff, PrepareRetry: k.prepare, ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	if _, err := retrying.Do(req); err != nil {
		return nil, errors.Join(k.explain(ctx, err), k.answer.body.close())
	}
	return k.answer, nil
}

// ready makes the request of the next attempt: first a good token and the source's limits, which may take their time, then
// what the request says of now, and last its signature.
func (k *call) ready(ctx context.Context) error {
	if err := k.authorize(ctx); err != nil {
		return err
	}
	waited, err := k.limits.wait(ctx)
	k.traffic.waited.Add(int64(waited))
	k.traffic.requests.Add(1)
	if err != nil {
		return err
	}
	s := k.scope(k.fill, k.replaying)
	s.token = k.token
	var own credentials
	if k.fetching {
		own, err = k.source.auth.ownCredentials(s)
	} else {
		own, err = k.source.auth.credentials(k.token, s)
	}
	if err != nil {
		return err
	}
	k.wire, err = k.request.build(k.base, own, s)
	if !k.fetching {
		seatOf(ctx).asks()
	}
	return err
}

// authorize finds the token for an attempt: another one when the last was refused. A recording is asked without one.
func (k *call) authorize(ctx context.Context) error {
	refused := k.refused
	k.refused, k.renewed = false, k.renewed || refused
	if k.tokens == nil || k.fetching {
		return nil
	}
	var err error
	if refused {
		k.token, err = k.tokens.renew(ctx, k.token.Access, k.traffic)
	} else {
		k.token, err = k.tokens.current(ctx, k.traffic)
	}
	return err
}

// dress puts the wire's parts on a request.
func (k *call) dress(req *http.Request) {
	req.URL, req.Host, req.Header = k.wire.url, k.wire.url.Host, k.wire.headers
	req.ContentLength = int64(len(k.wire.body))
}

// sent is the body of an attempt. An empty one must be NoBody: net/http sends any other without a length, in chunks, which not
// every server takes.
func (k *call) sent() (io.Reader, error) {
	if len(k.wire.body) == 0 {
		return http.NoBody, nil
	}
	return bytes.NewReader(k.wire.body), nil
}

// prepare makes the request anew for a repetition: its time, token and signature are those of the attempt.
func (k *call) prepare(req *http.Request) error {
	k.traffic.retries.Add(1)
	k.asked, k.crossing = 0, false
	k.repetitions++
	k.exchange.repeat()
	if err := k.ready(req.Context()); err != nil {
		return err
	}
	k.dress(req)
	return nil
}

// again decides whether to repeat. It is asked before the answer is judged, when only a missing answer counts, and
// again with the judgement.
func (k *call) again(ctx context.Context, _ *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	var judged *Error
	var addressed *url.Error
	if err != nil {
		k.why = k.secrets.Redact(plainReason(err))
	}
	switch {
	case err == nil:
		return false, nil
	case errors.As(err, &judged):
		return judged.repeat, nil
	case errors.Is(err, errRefusedRedirect):
		return false, nil
	case errors.As(err, &addressed):
		return repeatable(addressed), nil
	default:
		return true, nil
	}
}

// repeatable tells a broken connection from a mistake that stays.
func repeatable(err *url.Error) bool {
	text := err.Err.Error()
	for _, permanent := range []string{"x509:", "tls:", "unsupported protocol scheme", "redirects", "no such host", "server gave HTTP response"} {
		if strings.Contains(text, permanent) {
			return false
		}
	}
	return true
}

// backoff is how long to wait before a repetition: what the source asks for, else longer each time. Jitter keeps many
// readers from coming back at once; it never shortens what the source asked for.
func (k *call) backoff(shortest, longest time.Duration, attempt int, _ *http.Response) time.Duration {
	if k.refused || k.replaying || k.crossing {
		return 0
	}
	d := min(shortest<<min(attempt, 20), longest)
	d = d/2 + rand.N(d/2+1)
	if k.asked > 0 {
		d = k.asked + rand.N(min(k.asked/10, time.Second)+1)
	}
	k.traffic.waited.Add(int64(d))
	repeating(k.ctx, k.log, k.label, k.why, attempt+2, k.retry.Attempts, d)
	return d
}

// repeating tells people why nothing seems to happen.
func repeating(ctx context.Context, log *slog.Logger, what, why string, attempt, attempts int, wait time.Duration) {
	log.WarnContext(ctx, "trying again", "what", what, "why", why, "attempt", fmt.Sprintf("%d of %d", attempt, attempts),
		"wait", wait.Round(100*time.Millisecond).String())
}

// plainReason is an error without the address that it repeats.
func plainReason(err error) string {
	var judged *Error
	var addressed *url.Error
	switch {
	case errors.As(err, &judged):
		return judged.Message
	case errors.As(err, &addressed):
		return addressed.Err.Error()
	}
	return err.Error()
}

// retryAfter reads the header in both its forms. Dates count from the source's own clock, if it shows it.
func (k *call) retryAfter(resp *http.Response) time.Duration {
	text := strings.TrimSpace(resp.Header.Get("Retry-After"))
	seconds, err := strconv.ParseInt(text, 10, 32)
	if err == nil || errors.Is(err, strconv.ErrRange) { // then it is the longest that there is
		return time.Duration(max(seconds, 0)) * time.Second
	}
	until, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	now := k.now()
	if theirs, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		now = theirs
	}
	return max(until.Sub(now), 0)
}

// explain gives an error without addresses and credentials.
func (k *call) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var own ownError
	if errors.As(err, &own) {
		return own.error
	}
	var judged *Error
	if errors.As(err, &judged) {
		if judged.Request == "" {
			judged.Request = k.line
		}
		judged.Message = k.secrets.Redact(judged.Message)
		return judged
	}
	var unset *unsetError
	if errors.As(err, &unset) {
		return k.settings(err, k.label)
	}
	var addressed *url.Error
	if errors.As(err, &addressed) {
		err = addressed.Err
	}
	return &Error{
		Kind: Transport, Message: k.secrets.Redact(err.Error()), Request: k.line, cause: err, Hint: k.source.nextStep(err, k.base.Host),
	}
}
