package site

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var began = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func yes() bool { return true }
func no() bool  { return false }

func TestJudge_makesAnAddressThatGuessesWait(t *testing.T) {
	t.Parallel()
	var a attempts
	guesser, neighbour := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for range freeAttempts - 1 {
		_, wait := a.judge(guesser, began, no)
		require.Zero(t, wait)
	}
	now := began
	for _, expected := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, mostWait, mostWait, mostWait} {
		admitted, wait := a.judge(guesser, now, no)
		require.False(t, admitted)
		require.Equal(t, expected, wait)
		admitted, wait = a.judge(guesser, now.Add(wait-time.Second), yes)
		require.False(t, admitted, "nothing is looked at meanwhile")
		require.Equal(t, time.Second, wait)
		admitted, _ = a.judge(neighbour, now, yes)
		require.True(t, admitted, "others are not concerned")
		now = now.Add(expected)
	}
	admitted, _ := a.judge(guesser, now, yes)
	require.True(t, admitted)
	_, wait := a.judge(guesser, now, no)
	require.Zero(t, wait, "who was right begins anew")
}

func TestJudge_forgetsAndIsBounded(t *testing.T) {
	t.Parallel()
	var a attempts
	at := netip.MustParseAddr("2001:db8::1")
	for range freeAttempts {
		a.judge(at, began, no)
	}
	_, wait := a.judge(netip.MustParseAddr("2001:db8::ffff:2"), began, yes)
	require.Equal(t, firstWait, wait, "a network of IPv6 is one address")
	_, wait = a.judge(at, began.Add(forgivenAfter+time.Second), no)
	require.Zero(t, wait)
	for i := range mostAddresses + 100 {
		a.judge(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), began.Add(2*forgivenAfter+time.Duration(i)), no)
	}
	require.Len(t, a.wrong, mostAddresses)
	require.NotContains(t, a.wrong, netip.MustParsePrefix("10.0.0.0/32"), "the one that was wrong longest ago gives way")
}

func TestClient_believesProxiesThatAreTrustedAlone(t *testing.T) {
	t.Parallel()
	h := &server{ServeOptions: ServeOptions{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}}}
	for _, c := range []struct {
		remote, forwarded, want string
		secure                  bool
	}{
		{"192.0.2.1:5", "198.51.100.7", "192.0.2.1", false},
		{"10.0.0.1:5", "198.51.100.7", "198.51.100.7", true},
		{"10.0.0.1:5", "203.0.113.1, 198.51.100.7, 10.9.9.9", "198.51.100.7", true},
		{"10.0.0.1:5", "198.51.100.7, nonsense", "10.0.0.1", true},
		{"10.0.0.1:5", "", "10.0.0.1", true},
		{"[::1]:5", "[2001:db8::1]:443", "2001:db8::1", true},
		{"[::ffff:10.0.0.1]:5", "198.51.100.7", "198.51.100.7", true},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.remote
		r.Header.Set("X-Forwarded-For", c.forwarded)
		r.Header.Set("X-Forwarded-Proto", "https")
		require.Equal(t, c.want, h.client(r).String(), c)
		require.Equal(t, c.secure, h.secure(r), c)
	}
}

// nobody is a source that nothing is asked of.
type nobody struct{ Source }

func (nobody) Redact(text string) string { return text }

// Who guesses is told how long to wait, by page and by header, wherever a token can be shown; who has a session is not
// concerned, and Chinese readers are told so in Chinese.
func TestLogin_tellsWhoGuessesToWait(t *testing.T) {
	t.Parallel()
	const token = "the-token-of-the-test"
	now := began
	handler := New(nobody{}, func() time.Time { return now }).Handler(ServeOptions{Token: token, Log: slog.New(slog.DiscardHandler)})
	post := func(shown string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, "/login", strings.NewReader(url.Values{"token": {shown}, "next": {"/assets/style.css"}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Accept-Language", "zh-CN")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	session := post(token).Result().Cookies()
	require.NotEmpty(t, session)
	for i := range freeAttempts - 1 {
		require.Equal(t, http.StatusUnauthorized, post(fmt.Sprint("guess", i)).Code)
	}
	for _, shown := range []string{"guess", token} {
		w := post(shown)
		require.Equal(t, http.StatusTooManyRequests, w.Code)
		require.Equal(t, "30", w.Header().Get("Retry-After"))
		require.Contains(t, w.Body.String(), "30 秒")
		require.Empty(t, w.Result().Cookies())
	}
	get := func(name, value string) int {
		r := httptest.NewRequest(http.MethodGet, "/no/such/page", nil)
		r.Header.Set(name, value)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Code
	}
	require.Equal(t, http.StatusTooManyRequests, get("Authorization", "Bearer "+token), "it is one limit")
	require.Equal(t, http.StatusNotFound, get("Cookie", session[0].Name+"="+session[0].Value))
	now = now.Add(firstWait)
	require.Equal(t, http.StatusSeeOther, post(token).Code)
}
