package feiqiu

import (
	"net/http"
	"strconv"
)

// answer is the fault that the nth request meets, if it meets one.
func (f Faults) answer(n int) (reply, bool) {
	switch {
	case f.ThrottleEvery > 0 && n%f.ThrottleEvery == 0:
		a := refusal{http.StatusTooManyRequests, http.StatusTooManyRequests, "请求过于频繁"}.reply()
		a.header = map[string]string{"Retry-After": strconv.Itoa(f.RetryAfter)}
		return a, true
	case f.BrokenEvery > 0 && n%f.BrokenEvery == 0:
		return reply{
			status: http.StatusBadGateway,
			header: map[string]string{"Content-Type": "text/html"},
			body:   []byte("<html>502 Bad Gateway</html>"),
		}, true
	default:
		return reply{}, false
	}
}

// withhold leaves every seventh row out of the first answers of a path.
func (f Faults) withhold(rows []row, asked int) []row {
	if f.ShiftAfter == 0 || asked > f.ShiftAfter {
		return rows
	}
	var shown []row
	for _, r := range rows {
		if r.key%7 != 0 {
			shown = append(shown, r)
		}
	}
	return shown
}
