package extract_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/extract"
)

// ruled is called with rules for the request for a token, and a second stream.
var ruled = strings.Replace(called, "  refresh_before: PT5M\n", `  refresh_before: PT5M
  on:
    - {when: "$.code in [199, 200]", do: backoff, wait: PT0.001S, reason: too many calls}
    - {when: $.code == 1001, do: retry, reason: the source is busy}
    - {when: $.code == 101, do: fail, reason: the signature is refused}
`, 1)

// grudging gives these answers to requests for tokens, one after the other, and then tokens.
func grudging(t *testing.T, answers ...string) *issuer {
	t.Helper()
	i := newIssuer(t)
	var mu sync.Mutex
	i.api = serve(t, func(n int, w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		refused := r.URL.Path == "/token" && len(answers) > 0
		if refused {
			fmt.Fprint(w, answers[0])
			answers = answers[1:]
		}
		mu.Unlock()
		if !refused {
			i.handle(n, w, r)
		}
	})
	return i
}

// A source may count requests for tokens like any other, and say so inside HTTP 200.
func TestRead_asksForATokenAgainWhenARuleSaysSo(t *testing.T) {
	t.Parallel()
	i, l := grudging(t, `{"code":199}`, `{"code":1001}`, `{"code":200}`), &lander{}
	result, err := i.read(t, ruled, l, extract.Deps{})
	require.NoError(t, err)
	require.Equal(t, 10, result.SlicesDone)
	require.Len(t, l.records(), 10)
	require.Equal(t, 14, i.requests(), "four for the token, for all slices together")
	require.EqualValues(t, 3, result.Retries)
}

// Streams that are read at once ask for one token.
func TestRead_fetchesATokenOnceForStreamsAtOnce(t *testing.T) {
	t.Parallel()
	i := grudging(t, `{"code":199}`, `{"code":199}`)
	streams := load(t, ruled+strings.Replace(ruled[strings.Index(ruled, "  orders:"):], "orders:", "refunds:", 1), i.env()).Streams
	require.Len(t, streams, 2)
	reader := extract.NewReader(quick(&lander{}, i.env()))
	var both sync.WaitGroup
	for _, s := range streams {
		both.Go(func() {
			if _, err := reader.Read(t.Context(), s, extract.Job{RunID: uuid.New()}); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	require.Len(t, i.asked(), 1)
	require.Equal(t, 23, i.requests())
}

// Without a token no slice can be read: it is not asked for again on behalf of the next one.
func TestRead_endsWhenThereIsNoToken(t *testing.T) {
	t.Parallel()
	const html = "<!DOCTYPE html><title>Maintenance</title>"
	attempts := quick(nil, nil).Retry.Attempts
	for name, c := range map[string]struct {
		answer   string
		kind     extract.ErrorKind
		requests int
		want     string
		open     bool // for the next run
	}{
		"throttled for good": {`{"code":199}`, extract.Throttled, attempts, "too many calls", true},
		"busy for good":      {`{"code":1001}`, extract.Refused, attempts, "the source is busy", false},
		"refused":            {`{"code":101}`, extract.Auth, 1, "the signature is refused", false},
		"a page for people":  {html, extract.UnexpectedContent, 1, "Maintenance", false},
		"half of a token":    {`{"code":0,"data":{"access_token":"tok3n-`, extract.Transport, attempts, "breaks off", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answers := make([]string, 100)
			for n := range answers {
				answers[n] = c.answer
			}
			i := grudging(t, answers...)
			result, err := i.read(t, strings.Replace(ruled, "concurrency: 3", "concurrency: 1", 1), &lander{}, extract.Deps{})
			e := requireKind(t, err, c.kind)
			require.Contains(t, e.Message, c.want)
			require.NotContains(t, err.Error(), "tok3n-")
			require.Contains(t, e.Request, "GET /token?")
			require.Equal(t, c.requests, i.requests())
			require.Equal(t, c.open, result.SlicesOpen == 1, "%+v", result)
			require.Zero(t, result.SlicesDone)
		})
	}
}
