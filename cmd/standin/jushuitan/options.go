package jushuitan

import (
	"cmp"
	"fmt"
	"time"
)

// Credentials that a server accepts. They open nothing but a stand-in.
const (
	AppKey       = "demo_app_key_01"
	AppSecret    = "demo_app_secret_01"
	RefreshToken = "demo_refresh_token_01"
	PartnerID    = "demo_partner_01"
	PartnerKey   = "demo_partnerkey_01"
	PartnerToken = "demo_token_01"
)

// Zone is the upstream's zone. China has had no summer time since 1991, so a fixed offset needs no zone database.
var Zone = time.FixedZone("Asia/Shanghai", 8*60*60)

// Options say how large the business is and how well the server behaves. The zero value is a merchant with sixty days
// behind it, the vendor's limits, and no faults.
type Options struct {
	Seed   uint64    // the same seed gives the same bytes
	Start  time.Time // first business day, 2025-09-01 by default; the time of day is ignored
	Days   int       // business days that are over when the server starts, 60 by default
	Orders int       // orders on a working day, 24 by default; two fifths more at weekends

	TokenLife time.Duration // of access tokens, 30 days by default
	Tolerance time.Duration // how far a request's timestamp may be from the business's clock, 10 minutes by default
	PerSecond int           // calls in any second before code 199, 5 by default; negative: any number
	PerMinute int           // calls in any minute before code 200, 100 by default; negative: any number
	// Wall is the clock that calls are counted by, the real one by default. The business has a clock of its own.
	Wall func() time.Time
	// StrictPages answers a page_size over 50 with code 130 instead of giving 50.
	StrictPages bool
	Faults      Faults
}

// Faults are the ways in which the server misbehaves, each off at zero. Requests are counted over all paths, also
// those for tokens. The same one is refused three times in a row at most.
type Faults struct {
	ThrottleEvery int // every nth request is answered with code 199, every other such one with code 200
	BrokenEvery   int // every nth request is answered 502 with an HTML page
	// TouchEvery has somebody write a remark on the first order of every nth page that is served of a window and has a
	// page behind it: the order leaves the window, and what follows it moves up by one place.
	TouchEvery int
}

// maxOrders bounds the running number of a day's orders in their ids.
const maxOrders = 400

func (o Options) withDefaults() Options {
	o.Days = cmp.Or(o.Days, 60)
	o.Orders = cmp.Or(o.Orders, 24)
	o.TokenLife = cmp.Or(o.TokenLife, 30*24*time.Hour)
	o.Tolerance = cmp.Or(o.Tolerance, 10*time.Minute)
	o.PerSecond = cmp.Or(o.PerSecond, 5)
	o.PerMinute = cmp.Or(o.PerMinute, 100)
	if o.Wall == nil {
		o.Wall = time.Now
	}
	if o.Start.IsZero() {
		o.Start = time.Date(2025, time.September, 1, 0, 0, 0, 0, Zone)
	}
	year, month, day := o.Start.In(Zone).Date()
	o.Start = time.Date(year, month, day, 0, 0, 0, 0, Zone)
	if min(o.Days, o.Orders) < 1 || o.Orders > maxOrders {
		panic(fmt.Sprintf("jushuitan: options out of range: %+v", o))
	}
	return o
}
