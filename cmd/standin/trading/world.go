package trading

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// world is the business, day by day. Days are only ever appended: the world after n days is the same however it came there.
type world struct {
	Options
	accounts []*account
	trades   []*trade
	days     int
	lastRow  int // number of the last row of the accounts' object
}

func newWorld(o Options) *world {
	w := &world{Options: o}
	r := w.random(opening, 0)
	for range o.Accounts {
		w.open(r, 0, 0)
	}
	if !o.Clean {
		w.spoilAccounts(0)
	}
	return w
}

// topic separates the random numbers of one matter from those of another, so that a change in how many one of them
// draws moves nothing else.
type topic uint64

const (
	opening topic = iota + 1
	dealing
	mistakes
	corrections
)

func (w *world) random(t topic, day int) *rand.Rand {
	return rand.New(rand.NewPCG(w.Seed, uint64(t)<<56|uint64(day)))
}

// liveUntil makes every day up to, and without, the given one.
func (w *world) liveUntil(days int) {
	for ; w.days < days; w.days++ {
		if w.isTradingDay(w.days) {
			w.live(w.days)
		}
	}
}

func (w *world) live(day int) {
	// An account is opened now and then; the object of accounts has it two days later than its first trade.
	if r := w.random(opening, day); day > 0 && chance(r, 40) {
		w.open(r, day, day+2)
	}
	w.deal(day)
	if !w.Clean {
		w.correct(day)
		w.spoilTrades(day)
		w.spoilAccounts(day)
	}
}

// dated is a value that holds from a day on.
type dated[T any] struct {
	from  int
	value T
}

// at is the last value that holds on the day.
func at[T any](history []dated[T], day int) T {
	value := history[0].value
	for _, h := range history[1:] {
		if h.from > day {
			break
		}
		value = h.value
	}
	return value
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// chance is true in so many of a hundred cases.
func chance(r *rand.Rand, percent int) bool { return r.IntN(100) < percent }

// cents is an amount of money in fen.
type cents int64

// String is the amount in yuan: "94.00".
func (c cents) String() string {
	sign := ""
	if c < 0 {
		sign, c = "-", -c
	}
	return fmt.Sprintf("%s%d.%02d", sign, c/100, c%100)
}

// stamp is a time as the objects have it. Every third one has a fraction of a second.
func stamp(t time.Time) string {
	text := t.In(Zone).Format("2006-01-02T15:04:05")
	if t.Second()%3 == 0 {
		text += fmt.Sprintf(".%06d", t.Second()*1001)
	}
	return text
}
