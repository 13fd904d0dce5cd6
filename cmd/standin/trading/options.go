package trading

import (
	"cmp"
	"fmt"
	"time"
)

// The keys that a server accepts and the bucket that it has, when its options name no others.
const (
	DefaultAccessKey = "demo-access-key"
	DefaultSecretKey = "demo-secret-key"
	DefaultBucket    = "broker"
)

// AssetsKey is the object of all accounts, which is replaced on each trading day.
const AssetsKey = "account_assets.csv"

// Zone is the upstream's zone. China has had no summer time since 1991, so a fixed offset needs no zone database.
var Zone = time.FixedZone("Asia/Shanghai", 8*60*60)

// Options say how large the business is. The zero value is sixty days of a small broker.
type Options struct {
	Seed      uint64    // the same seed gives the same bytes
	Start     time.Time // first day, Monday 2025-09-01 by default; the time of day is ignored
	Days      int       // days that are over when the server starts, 60 by default
	Accounts  int       // accounts on the first day, 40 by default; more are opened later
	Trades    int       // trades of a trading day, 150 by default
	Clean     bool      // without any mistake in the objects
	Bucket    string    // DefaultBucket by default
	AccessKey string    // DefaultAccessKey by default
}

// These bound the parts of numbers.
const (
	maxAccounts = 5000
	maxTrades   = 90_000
)

func (o Options) withDefaults() Options {
	o.Days = cmp.Or(o.Days, 60)
	o.Accounts = cmp.Or(o.Accounts, 40)
	o.Trades = cmp.Or(o.Trades, 150)
	o.Bucket = cmp.Or(o.Bucket, DefaultBucket)
	o.AccessKey = cmp.Or(o.AccessKey, DefaultAccessKey)
	if o.Start.IsZero() {
		o.Start = time.Date(2025, time.September, 1, 0, 0, 0, 0, Zone)
	}
	year, month, day := o.Start.In(Zone).Date()
	o.Start = time.Date(year, month, day, 0, 0, 0, 0, Zone)
	if min(o.Days, o.Accounts, o.Trades) < 1 || o.Accounts > maxAccounts || o.Trades > maxTrades {
		panic(fmt.Sprintf("trading: options out of range: %+v", o))
	}
	return o
}

// date is midnight at the beginning of a day.
func (o Options) date(day int) time.Time { return o.Start.AddDate(0, 0, day) }

func (o Options) isTradingDay(day int) bool {
	weekday := o.date(day).Weekday()
	return weekday != time.Saturday && weekday != time.Sunday
}
