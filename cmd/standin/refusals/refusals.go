// Package refusals keeps stand-ins that refuse every nth call bearable: of many clients, one alone could meet every refusal.
package refusals

// most is how often in a row the same call is refused.
const most = 3

// Counter counts how often calls were refused that are expected again. Whoever repeats a call comes through, whatever
// others call meanwhile. The zero Counter is ready; its user lets one goroutine at a time use it.
type Counter struct {
	refused map[string]int
}

// Due reports whether a call was refused so often in a row that it has to be answered now.
func (c *Counter) Due(call string) bool { return c.refused[call] >= most }

// Expected reports whether any call that was refused has not been answered since.
func (c *Counter) Expected() bool { return len(c.refused) > 0 }

// Refused notes that a call was refused.
func (c *Counter) Refused(call string) {
	if c.refused == nil {
		c.refused = map[string]int{}
	}
	c.refused[call]++
}

// Answered notes that a call was answered.
func (c *Counter) Answered(call string) { delete(c.refused, call) }
