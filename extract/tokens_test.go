package extract_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/extract"
	"github.com/terrace-elt/terrace/ods"
	"github.com/terrace-elt/terrace/tests/pgtest"
)

// issuer is a stand-in that gives tokens and refuses all but the latest.
type issuer struct {
	*api
	mu      sync.Mutex
	issued  int
	valid   string // "" accepts none
	refresh string // the only refresh token that is accepted; "" asks for none
	life    int
	calls   []string // what tokens were asked for with
}

func (i *issuer) token() string { return fmt.Sprintf("tok3n-%d", i.issued) }

// handle answers /token and lets everything else show its token.
func (i *issuer) handle(_ int, w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := r.ParseForm(); err != nil {
		return
	}
	if r.URL.Path == "/token" {
		i.calls = append(i.calls, r.Form.Encode())
		if i.refresh != "" && r.Form.Get("refresh_token") != i.refresh {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"error":"invalid_grant"}`)
			return
		}
		i.issued++
		i.valid = i.token()
		if i.refresh != "" {
			i.refresh = fmt.Sprintf("r3fresh-%d", i.issued)
		}
		fmt.Fprintf(w, `{"code":0,"access_token":%[1]q,"refresh_token":%[2]q,"expires_in":%[3]d,"data":{"access_token":%[1]q,"expires_in":"%[3]d"}}`,
			i.valid, i.refresh, i.life)
		return
	}
	if got := r.Form.Get("access_token") + strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "); got != i.valid {
		fmt.Fprintf(w, `{"code":2008,"msg":"token %s expired"}`, got)
		return
	}
	fmt.Fprintf(w, `{"code":0,"total":1,"list":[{"id":%q}]}`, r.Form.Get("day"))
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{life: 7200}
	i.api = serve(t, i.handle)
	return i
}

func (i *issuer) asked() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]string{}, i.calls...)
}

// expire makes the source forget its token.
func (i *issuer) expire() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.valid = "nothing"
}

const called = `
source: xiaoe
base_url: ${URL}
limits: {concurrency: 3}
auth:
  type: token_call
  request: {method: GET, path: /token, query: {app_id: app, secret_key: "${env:SECRET}", grant_type: client_credential}}
  extract: {access: $.data.access_token, expires_in: $.data.expires_in}
  refresh_before: PT5M
streams:
  orders:
    primary_key: [$.id]
    request: {method: POST, path: /orders, form: {access_token: "${token.access}", page: "${page.number}", day: "${slice.start}"}}
    paginate: {type: page, size: 10, total: $.total}
    slices: {start: "2026-01-11", step: P1D, format: "%d"}
    records: $.list[*]
    success_when: $.code == 0
    on: [{when: $.code == 2008, do: refresh_token}]
`

func (i *issuer) env() map[string]string {
	return map[string]string{"URL": i.URL, "SECRET": canary, "REFRESH": "r3fresh-0"}
}

func (i *issuer) read(t *testing.T, yaml string, l *lander, d extract.Deps) (extract.Result, error) {
	t.Helper()
	if d.Lander == nil {
		d = quick(l, i.env())
	}
	return extract.NewReader(d).Read(t.Context(), load(t, yaml, i.env()).Streams[0], extract.Job{RunID: uuid.New()})
}

func TestRead_fetchesATokenOnceForAllSlices(t *testing.T) {
	t.Parallel()
	i, l := newIssuer(t), &lander{}
	result, err := i.read(t, called, l, extract.Deps{})
	require.NoError(t, err)
	require.Equal(t, 10, result.SlicesDone)
	require.Len(t, l.records(), 10)
	require.Len(t, i.asked(), 1)
	require.Contains(t, i.asked()[0], "grant_type=client_credential")
	require.Equal(t, "POST /orders access_token=‹token.access›&page=1&day=", l.pages[0].Request[:len(l.pages[0].Request)-2])
}

// Case 50: the token is refused in the middle of a run. It is renewed once, for all that were refused, and the same page
// is asked for again.
func TestRead_renewsATokenThatIsRefusedAndAsksAgain(t *testing.T) {
	t.Parallel()
	i, l := newIssuer(t), &lander{}
	pages := 0
	l.refuse = func(ods.Page) error {
		if pages++; pages == 3 {
			i.expire()
		}
		return nil
	}
	result, err := i.read(t, called, l, extract.Deps{})
	require.NoError(t, err)
	require.Len(t, l.records(), 10)
	require.Equal(t, 10, result.SlicesDone)
	require.Len(t, i.asked(), 2)
}

func TestRead_failsWhenANewTokenIsRefusedToo(t *testing.T) {
	t.Parallel()
	for name, refuse := range map[string]func(w http.ResponseWriter){
		"by a declared code": func(w http.ResponseWriter) { fmt.Fprint(w, `{"code":2008,"msg":"no"}`) },
		"by its status":      func(w http.ResponseWriter) { w.WriteHeader(http.StatusUnauthorized) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newIssuer(t)
			i.api = serve(t, func(n int, w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/token" {
					i.handle(n, w, r)
					return
				}
				refuse(w)
			})
			l := &lander{}
			yaml := strings.NewReplacer("step: P1D", "step: none", "concurrency: 3", "concurrency: 1").Replace(called)
			_, err := i.read(t, yaml, l, extract.Deps{})
			e := requireKind(t, err, extract.Auth)
			require.Contains(t, e.Message, "with a new token, too")
			require.Contains(t, e.Hint, "SECRET")
			require.Len(t, i.asked(), 2)
			require.Equal(t, 4, i.requests(), "two tokens, and the page with each")
			require.Equal(t, []string{"failed"}, l.states())
		})
	}
}

func TestRead_renewsATokenBeforeItEnds(t *testing.T) {
	t.Parallel()
	i, l := newIssuer(t), &lander{}
	d := quick(l, i.env())
	now := noon
	d.Now = func() time.Time { return now }
	reader := extract.NewReader(d)
	stream := load(t, called, i.env()).Streams[0]
	for _, c := range []struct {
		later time.Duration
		want  int
	}{{0, 1}, {114 * time.Minute, 1}, {116 * time.Minute, 2}} {
		now = noon.Add(c.later)
		_, err := reader.Read(t.Context(), stream, extract.Job{})
		require.NoError(t, err)
		require.Len(t, i.asked(), c.want, c.later)
	}
}

// What a source says when it gives no token is told, what it may have given with it is not.
func TestRead_saysWhyThereIsNoToken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		answer string
		kind   extract.ErrorKind
		want   string
	}{
		"a refusal":       {200, `{"code":2004,"msg":"wrong secret","data":{"half":"tok3n-x"}}`, extract.Auth, "the answer has no token at $.data.access_token; it says 2004, wrong secret"},
		"a bad request":   {400, `{"error":"invalid_client"}`, extract.Auth, "invalid_client"},
		"a bad length":    {200, `{"data":{"access_token":"tok3n-x","expires_in":"soon"}}`, extract.Auth, "$.data.expires_in is no length of time"},
		"a moment":        {200, `{"data":{"access_token":"tok3n-x","expires_in":1768910400}}`, extract.Auth, "$.data.expires_in is no length of time"},
		"no JSON":         {200, `<html>`, extract.UnexpectedContent, "<html>"},
		"not well at all": {503, `down`, extract.Unavailable, "HTTP 503"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newIssuer(t)
			i.api = serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.answer)
			})
			l := &lander{}
			_, err := i.read(t, strings.Replace(called, "concurrency: 3", "concurrency: 1", 1), l, extract.Deps{})
			e := requireKind(t, err, c.kind)
			require.Contains(t, e.Message, c.want)
			require.Contains(t, e.Request, "GET /token?app_id=app&secret_key=‹SECRET›")
			require.NotContains(t, err.Error(), canary)
			require.NotContains(t, err.Error(), "tok3n-x")
		})
	}
}

const rotating = `
source: erp
base_url: ${URL}
auth:
  type: %s
streams:
  orders:
    primary_key: [$.id]
    request: {path: /orders, query: {day: "1"}}
    records: $.list[*]
    success_when: $.code == 0
    on: [{when: $.code == 2008, do: refresh_token}]
`

var rotations = map[string]string{
	"oauth2": fmt.Sprintf(rotating, `oauth2_refresh
  token_url: ${URL}/token
  client_id: app
  client_secret: "${env:SECRET}"
  refresh_token: "${env:REFRESH}"`),
	"token call": strings.Replace(fmt.Sprintf(rotating, `token_call
  request: {method: POST, path: /token, form: {refresh_token: "${token.refresh}"}}
  extract: {access: $.access_token, refresh: $.refresh_token, expires_in: $.expires_in}
  refresh_token: "${env:REFRESH}"`), `{day: "1"}`, `{day: "1", access_token: "${token.access}"}`, 1),
}

// shared is the real store and a lander of the tests in one.
type shared struct {
	*lander
	*ods.Store
}

func (s shared) State(ctx context.Context, name string) (ods.State, error) {
	return s.lander.State(ctx, name)
}

func (s shared) OpenSlice(ctx context.Context, stream ods.Stream, spec ods.SliceSpec, run uuid.UUID) (ods.Slice, error) {
	return s.lander.OpenSlice(ctx, stream, spec, run)
}

func (s shared) Land(ctx context.Context, page ods.Page) (ods.Landed, error) {
	return s.lander.Land(ctx, page)
}

func (s shared) FailSlice(ctx context.Context, slice ods.Slice, cause string) error {
	return s.lander.FailSlice(ctx, slice, cause)
}

func (s shared) ParentKeys(ctx context.Context, q ods.ParentQuery) ([][]string, error) {
	return s.lander.ParentKeys(ctx, q)
}

func (s shared) EachValues(ctx context.Context, sql string) ([]any, error) {
	return s.lander.EachValues(ctx, sql)
}

// A refresh token is good for one use. Its successor is kept in the database, where the next process finds it; what the
// declaration says is only the beginning.
func TestRead_keepsRotatingRefreshTokensForTheNextProcess(t *testing.T) {
	t.Parallel()
	for name, yaml := range rotations {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newIssuer(t)
			i.refresh = "r3fresh-0"
			store := ods.New(pgtest.New(t).Pool)
			for process := range 3 {
				d := quick(nil, i.env())
				d.Lander = shared{&lander{}, store}
				_, err := i.read(t, yaml, nil, d)
				require.NoError(t, err, process)
				i.expire()
			}
			require.Len(t, i.asked(), 3)
			require.Contains(t, i.asked()[0], "refresh_token=r3fresh-0")
			require.Contains(t, i.asked()[1], "refresh_token=r3fresh-1")
			require.Contains(t, i.asked()[2], "refresh_token=r3fresh-2")
			saved, err := store.Token(t.Context(), "erp")
			require.NoError(t, err)
			require.Equal(t, "tok3n-3", saved.Access)
			require.Equal(t, "r3fresh-3", saved.Refresh)
			require.True(t, noon.Add(2*time.Hour).Equal(saved.Expires))
		})
	}
}

// Case 24: the successor of a refresh token was lost. The one in the database is refused, and a new declared one is the
// way out.
func TestRead_takesTheDeclaredRefreshTokenWhenTheKeptOneIsRefused(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	i.refresh = "r3fresh-0"
	store := ods.New(pgtest.New(t).Pool)
	_, err := store.RenewToken(t.Context(), "erp", func(context.Context, ods.Token) (ods.Token, error) {
		return ods.Token{Access: "old", Refresh: "used-up", Expires: noon.Add(-time.Hour), Issued: noon.Add(-2 * time.Hour)}, nil
	})
	require.NoError(t, err)
	d := quick(nil, i.env())
	d.Lander = shared{&lander{}, store}
	_, err = i.read(t, rotations["oauth2"], nil, d)
	require.NoError(t, err)
	require.Len(t, i.asked(), 2)
	require.Contains(t, i.asked()[0], "refresh_token=used-up")
	require.Contains(t, i.asked()[1], "refresh_token=r3fresh-0")
}

// Without a refresh token the request is sent as far as it goes: some sources give the first token for less.
func TestRead_asksForAFirstTokenWithoutARefreshToken(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	yaml := strings.Replace(rotations["token call"], "  refresh_token: \"${env:REFRESH}\"\n", "", 1)
	_, err := i.read(t, yaml, &lander{}, extract.Deps{})
	require.NoError(t, err)
	require.Equal(t, []string{""}, i.asked())

	i = newIssuer(t)
	i.refresh = "r3fresh-0"
	_, err = i.read(t, yaml, &lander{}, extract.Deps{})
	require.Contains(t, requireKind(t, err, extract.Auth).Hint, "give auth a refresh_token")
}

// Many processes that find an old token have it renewed once.
func TestRead_renewsATokenOnceForManyProcesses(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	i.refresh = "r3fresh-0"
	store := ods.New(pgtest.New(t).Pool)
	var processes sync.WaitGroup
	for range 5 {
		processes.Go(func() {
			d := quick(nil, i.env())
			d.Lander = shared{&lander{}, store}
			if _, err := i.read(t, rotations["oauth2"], nil, d); err != nil {
				t.Error(err)
			}
		})
	}
	processes.Wait()
	require.Len(t, i.asked(), 1)
}

func TestRead_fetchesTokensOfClientCredentials(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ how, form, header string }{
		"in the body":   {"", "client_id=app&client_secret=s3cr3t%2Fc4nary%2Btoken%3D%3D&grant_type=client_credentials&scope=read", ""},
		"in the header": {"\n  client_auth: header", "grant_type=client_credentials&scope=read", "Basic YXBwOnMzY3IzdCUyRmM0bmFyeSUyQnRva2VuJTNEJTNE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i, l := newIssuer(t), &lander{}
			_, err := i.read(t, fmt.Sprintf(rotating, `oauth2_client
  token_url: ${URL}/token
  client_id: app
  client_secret: "${env:SECRET}"
  scope: read`+c.how), l, extract.Deps{})
			require.NoError(t, err)
			require.Len(t, l.records(), 1)
			require.Equal(t, []string{c.form}, i.asked())
			require.Equal(t, c.header, i.header(0).Get("Authorization"))
			require.Equal(t, "Bearer tok3n-1", i.header(1).Get("Authorization"))
		})
	}
}

// A token that was fetched is as secret as one that was declared.
func TestRead_neverShowsAToken(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	i.api = serve(t, func(n int, w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			i.handle(n, w, r)
			return
		}
		_ = r.ParseForm()
		w.WriteHeader(http.StatusTeapot)
		_ = json.NewEncoder(w).Encode(map[string]string{"you": r.Form.Get("access_token")})
	})
	_, err := i.read(t, called, &lander{}, extract.Deps{})
	require.ErrorContains(t, err, `{"you":"***"}`)
	require.NotContains(t, err.Error(), "tok3n-1")
}

// troubled is a store whose database is gone.
type troubled struct{ *lander }

var errGone = errors.New("database is gone")

func (troubled) Token(context.Context, string) (ods.Token, error) { return ods.Token{}, errGone }

func (troubled) RenewToken(context.Context, string, func(context.Context, ods.Token) (ods.Token, error)) (ods.Token, error) {
	return ods.Token{}, errGone
}

func (troubled) ReserveRequest(context.Context, string, []ods.Rate) (time.Duration, error) {
	return 0, errGone
}

func (troubled) HoldRequests(context.Context, string, time.Duration) error { return errGone }

// Trouble with the database is not told as the source's.
func TestRead_tellsTroubleOfTheStoreAsItIs(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	for name, yaml := range map[string]string{
		"tokens": called,
		"rates":  "source: s\nbase_url: ${URL}\nlimits: {rate: [{n: 1, per: PT1S}]}\nstreams:\n  a: {request: {path: /a}, records: \"$[*]\"}\n",
	} {
		d := quick(nil, i.env())
		d.Lander = troubled{&lander{}}
		_, err := i.read(t, yaml, nil, d)
		require.ErrorIs(t, err, errGone, name)
		var e *extract.Error
		require.NotErrorAs(t, err, &e, name)
	}
	require.Zero(t, i.requests())
}
