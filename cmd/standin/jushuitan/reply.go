package jushuitan

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// The codes that an answer may have. The status of an answer is always 200: a 200 in code is an error.
const (
	codeOK          = 0
	codeToken       = 100
	codeSign        = 101
	codeTimestamp   = 102
	codeParameter   = 130
	codeNoInterface = 190
	codePerSecond   = 199
	codePerMinute   = 200
	codeBroken      = -1 // no answer of the application's at all
)

// reply is what goes back to the client.
type reply struct {
	code int
	body []byte
	rows int
}

func (r reply) write(w http.ResponseWriter) {
	status := http.StatusOK
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if r.code == codeBroken {
		w.Header().Set("Content-Type", "text/html")
		status = http.StatusBadGateway
	}
	w.WriteHeader(status)
	_, _ = w.Write(r.body) // a client that is gone is no concern of the server's
}

// refuse is an answer without data.
func refuse(code int, msg string) reply {
	return reply{code: code, body: encode(struct {
		Code      int    `json:"code"`
		IsSuccess bool   `json:"issuccess"`
		Msg       string `json:"msg"`
		Data      any    `json:"data"`
	}{code, false, msg, nil})}
}

// answer is the fault that the nth request meets, if it meets one.
func (f Faults) answer(n int) (reply, bool) {
	switch {
	case f.ThrottleEvery > 0 && n%f.ThrottleEvery == 0 && n/f.ThrottleEvery%2 == 0:
		return tooManyPerMinute(), true
	case f.ThrottleEvery > 0 && n%f.ThrottleEvery == 0:
		return tooManyPerSecond(), true
	case f.BrokenEvery > 0 && n%f.BrokenEvery == 0:
		return reply{code: codeBroken, body: []byte("<html>502 Bad Gateway</html>")}, true
	default:
		return reply{}, false
	}
}

func tooManyPerSecond() reply {
	return refuse(codePerSecond, "调用频率超过限制,请稍后重试")
}
func tooManyPerMinute() reply { return refuse(codePerMinute, "超过每分钟调用次数限制") }

// limiter counts the calls of the last second and of the last minute. Calls that are refused count too.
type limiter struct {
	wall                 func() time.Time
	perSecond, perMinute int

	mu    sync.Mutex
	calls []time.Time // of the last minute
}

func newLimiter(o Options) *limiter {
	return &limiter{wall: o.Wall, perSecond: o.PerSecond, perMinute: o.PerMinute}
}

func (l *limiter) answer() (reply, bool) {
	if l.perSecond < 0 && l.perMinute < 0 {
		return reply{}, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.wall()
	l.calls = slices.DeleteFunc(l.calls, func(at time.Time) bool { return now.Sub(at) >= time.Minute })
	minute, second := len(l.calls), 0
	for _, at := range l.calls {
		if now.Sub(at) < time.Second {
			second++
		}
	}
	l.calls = append(l.calls, now)
	switch {
	case l.perMinute >= 0 && minute >= l.perMinute:
		return tooManyPerMinute(), true
	case l.perSecond >= 0 && second >= l.perSecond:
		return tooManyPerSecond(), true
	default:
		return reply{}, false
	}
}

// encode cannot fail for the types of this package.
func encode(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("jushuitan: encode %T: %v", v, err))
	}
	return raw
}
