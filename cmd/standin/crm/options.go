package crm

import (
	"cmp"
	"fmt"
	"time"
)

// Zone is where the shops are. China has had no summer time since 1991, so a fixed offset needs no zone database.
var Zone = time.FixedZone("Asia/Shanghai", 8*60*60)

// Options say how large the business is. The zero value is sixty days of a few shops.
type Options struct {
	Seed   uint64    // the same seed gives the same bytes
	Start  time.Time // first day, 2025-09-01 by default; the time of day is ignored
	Days   int       // days that are over when the upstream starts, 60 by default
	Orders int       // rows of an import, 30 by default
	Clean  bool      // without any mistake in the files
}

const maxOrders = 200_000

func (o Options) withDefaults() Options {
	o.Days = cmp.Or(o.Days, 60)
	o.Orders = cmp.Or(o.Orders, 30)
	if o.Start.IsZero() {
		o.Start = time.Date(2025, time.September, 1, 0, 0, 0, 0, Zone)
	}
	year, month, day := o.Start.In(Zone).Date()
	o.Start = time.Date(year, month, day, 0, 0, 0, 0, Zone)
	if min(o.Days, o.Orders) < 1 || o.Orders > maxOrders {
		panic(fmt.Sprintf("crm: options out of range: %+v", o))
	}
	return o
}

// date is midnight at the beginning of a day.
func (o Options) date(day int) time.Time { return o.Start.AddDate(0, 0, day) }
