package site

import (
	"fmt"
	"math"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
)

const (
	// freeAttempts is how many wrong tokens an address may show before it has to wait: people paste the wrong line.
	freeAttempts = 5
	// firstWait is how long it waits then; it doubles with every further wrong one, up to mostWait.
	firstWait, mostWait = 30 * time.Second, 15 * time.Minute
	// forgivenAfter is how long nothing wrong must be shown for all to be forgotten: longer than anybody waits.
	forgivenAfter = time.Hour
	// mostAddresses bounds what is remembered; whoever has more addresses pushes out the one that was wrong longest ago.
	mostAddresses = 10_000
)

// attempts limits how often tokens are guessed, by address. Its zero value is ready.
type attempts struct {
	mu    sync.Mutex
	wrong map[netip.Prefix]*guesses
}

type guesses struct {
	count int
	last  time.Time
	until time.Time
}

// judge counts an attempt of an address at a moment, and says how long it has to wait: while it has, nothing that it
// shows is looked at, so that an answer tells nobody anything.
func (a *attempts) judge(from netip.Addr, now time.Time, right func() bool) (admitted bool, wait time.Duration) {
	key := neighbourhood(from)
	a.mu.Lock()
	defer a.mu.Unlock()
	g := a.wrong[key]
	switch {
	case g != nil && now.Before(g.until):
		return false, g.until.Sub(now)
	case right():
		delete(a.wrong, key)
		return true, 0
	case g == nil || now.Sub(g.last) > forgivenAfter:
		g = a.remember(key, now)
	}
	g.count++
	g.last = now
	if over := g.count - freeAttempts; over >= 0 {
		g.until = now.Add(min(mostWait, firstWait<<min(over, 10)))
	}
	return false, max(0, g.until.Sub(now))
}

// remember makes room for an address, and takes note of it.
func (a *attempts) remember(key netip.Prefix, now time.Time) *guesses {
	if a.wrong == nil {
		a.wrong = map[netip.Prefix]*guesses{}
	}
	if len(a.wrong) >= mostAddresses {
		var oldest netip.Prefix
		for k, g := range a.wrong {
			if now.Sub(g.last) > forgivenAfter {
				delete(a.wrong, k)
			} else if was := a.wrong[oldest]; was == nil || g.last.Before(was.last) {
				oldest = k
			}
		}
		if len(a.wrong) >= mostAddresses {
			delete(a.wrong, oldest)
		}
	}
	g := &guesses{}
	a.wrong[key] = g
	return g
}

// neighbourhood is what counts as one address: of IPv6 whoever has one has 2⁶⁴.
func neighbourhood(from netip.Addr) netip.Prefix {
	from = from.Unmap().WithZone("")
	bits := from.BitLen()
	if from.Is6() {
		bits = 64
	}
	p, _ := from.Prefix(bits) // of no address it is none, which is one, too
	return p
}

// client is the address that a request comes from. Proxies that are trusted say for whom they ask: of what
// X-Forwarded-For lists, the last that is no such proxy counts, since whoever asks writes the first as they like.
func (h *server) client(r *http.Request) netip.Addr {
	from := addressOf(r.RemoteAddr)
	listed := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(listed) - 1; i >= 0 && h.trusted(from); i-- {
		next := addressOf(strings.TrimSpace(listed[i]))
		if !next.IsValid() {
			break
		}
		from = next
	}
	return from
}

func addressOf(text string) netip.Addr {
	if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	at, _ := netip.ParseAddr(strings.Trim(text, "[]")) // what is none is no address
	return at.Unmap()
}

func (h *server) trusted(at netip.Addr) bool {
	for _, p := range h.Proxies {
		if p.Contains(at) {
			return true
		}
	}
	return false
}

// secure reports whether the reader's connection is encrypted, as a proxy that is trusted says where there is one.
func (h *server) secure(r *http.Request) bool {
	return r.TLS != nil || h.trusted(addressOf(r.RemoteAddr)) && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

// shown judges a token that a request shows. Where it returns false, the answer's headers say how long to wait.
func (h *server) shown(w http.ResponseWriter, r *http.Request, token string) (admitted bool, wait time.Duration) {
	from := h.client(r)
	admitted, wait = h.attempts.judge(from, h.now(), func() bool { return same(token, h.Token) })
	if !admitted && wait > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(int(math.Ceil(wait.Seconds()))))
		h.Log.Warn("wrong tokens: an address has to wait", "address", from, "for", wait.Round(time.Second))
	}
	return admitted, wait
}
