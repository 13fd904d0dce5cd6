package feiqiu

import (
	"cmp"
	"fmt"
	"time"
)

// BasePath is where the API begins on the server.
const BasePath = "/apiprod/admin/v1"

// DefaultToken is the bearer token that a server accepts when its options name none.
const DefaultToken = "demo-api-token"

// FormerAfterMonths is how old an event may be before only the Former path serves it.
const FormerAfterMonths = 3

// Zone is the upstream's zone. China has had no summer time since 1991, so a fixed offset needs no zone database.
var Zone = time.FixedZone("Asia/Shanghai", 8*60*60)

// Options say how large the business is and how well the server behaves. The zero value is one hall with sixty days
// behind it and no faults.
type Options struct {
	Seed    uint64    // the same seed gives the same bytes
	Start   time.Time // first business day, 2025-09-01 by default; the time of day is ignored
	Days    int       // business days that are over when the server starts, 60 by default
	Sites   int       // halls, 1 by default, 9 at most
	Members int       // members per hall on the first day, 32 by default; more join later
	Tables  int       // tables per hall, 24 by default
	Orders  int       // settlements per hall on a working day, 20 by default; two fifths more at weekends
	Token   string    // bearer token, DefaultToken by default
	Faults  Faults
}

// Faults are the ways in which the server misbehaves, each off at zero. Requests are counted over all paths.
type Faults struct {
	ThrottleEvery int // every nth request is answered 429 with Retry-After
	RetryAfter    int // seconds in that header
	BrokenEvery   int // every nth request is answered 502 with an HTML page
	// ShiftAfter holds some rows of each event stream back until its path has answered this many requests: the pages
	// after that are shifted, as by orders that are settled while the list is being read.
	ShiftAfter int
}

// These bound the parts of an id.
const (
	maxSites  = 9
	maxOrders = 3000
)

func (o Options) withDefaults() Options {
	o.Days = cmp.Or(o.Days, 60)
	o.Sites = cmp.Or(o.Sites, 1)
	o.Members = cmp.Or(o.Members, 32)
	o.Tables = cmp.Or(o.Tables, 24)
	o.Orders = cmp.Or(o.Orders, 20)
	o.Token = cmp.Or(o.Token, DefaultToken)
	if o.Start.IsZero() {
		o.Start = time.Date(2025, time.September, 1, 0, 0, 0, 0, Zone)
	}
	year, month, day := o.Start.In(Zone).Date()
	o.Start = time.Date(year, month, day, 0, 0, 0, 0, Zone)
	if min(o.Days, o.Sites, o.Members, o.Tables, o.Orders) < 1 || o.Sites > maxSites || o.Orders > maxOrders {
		panic(fmt.Sprintf("feiqiu: options out of range: %+v", o))
	}
	return o
}
