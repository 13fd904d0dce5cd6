package xiaoe

import (
	"cmp"
	"fmt"
	"time"
)

// Credentials that a server accepts. They open nothing but a stand-in.
const (
	AppID     = "appDemo0001xyz"
	ClientID  = "xopDemo000001"
	SecretKey = "demo-secret-not-real"
)

// Zone is the upstream's zone. China has had no summer time since 1991, so a fixed offset needs no zone database.
var Zone = time.FixedZone("Asia/Shanghai", 8*60*60)

// Options say how large the business is and how well the server behaves. The zero value is a shop with sixty days
// behind it and no faults.
type Options struct {
	Seed   uint64    // the same seed gives the same bytes
	Start  time.Time // first business day, 2025-09-01 by default; the time of day is ignored
	Days   int       // business days that are over when the server starts, 60 by default
	Orders int       // orders on a working day, 30 by default; two fifths more at weekends
	Users  int       // users on the first day, 160 by default; more join later

	TokenLife time.Duration // two hours by default
	Faults    Faults
}

// Faults are the ways in which the server misbehaves, each off at zero. Calls are counted over all paths, also those for
// tokens. The same one is refused three times in a row at most.
type Faults struct {
	ThrottleEvery int // every nth call is answered with code 2053 or, every other such one, 2054
	BusyEvery     int // every nth call is answered with code 1001
	ForgetEvery   int // every nth call ends all tokens that were given before
}

// maxOrders bounds the running number of a day's orders in their ids.
const maxOrders = 4000

func (o Options) withDefaults() Options {
	o.Days = cmp.Or(o.Days, 60)
	o.Orders = cmp.Or(o.Orders, 30)
	o.Users = cmp.Or(o.Users, 160)
	o.TokenLife = cmp.Or(o.TokenLife, 2*time.Hour)
	if o.Start.IsZero() {
		o.Start = time.Date(2025, time.September, 1, 0, 0, 0, 0, Zone)
	}
	year, month, day := o.Start.In(Zone).Date()
	o.Start = time.Date(year, month, day, 0, 0, 0, 0, Zone)
	if min(o.Days, o.Orders, o.Users) < 1 || o.Orders > maxOrders {
		panic(fmt.Sprintf("xiaoe: options out of range: %+v", o))
	}
	return o
}
