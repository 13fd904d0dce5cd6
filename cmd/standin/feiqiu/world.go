package feiqiu

import (
	"iter"
	"math/rand/v2"
	"slices"
	"time"
)

const (
	tenantID   int64 = 1000200030004000
	tenantName       = "示例商户"
	orgID      int64 = 1000200030004001
	firstSite  int64 = 1000200030004123
)

// world is the business, day by day. Days are only ever appended, and what a day brings later (a late record, a
// refund) is settled when the day is made: the world after n days is the same however it came there.
type world struct {
	options Options
	sites   []*site
	members []*member
	days    int           // that are over; -1 before the first
	orders  []*settlement // by day, hall, number

	recharges []*recharge
	balances  []*balanceChange // of all cards, in the order in which they happened
	revoked   []*revokedCoupon
	movements []*movement
	ahead     map[int]*agenda // what past days have left for later ones
}

// agenda is what a day has to do for earlier days.
type agenda struct {
	cards []*settlement // undone: the card gets back what it paid
	goods []*settlement // undone: the goods go back onto the shelf
	late  []*settlement // sent by a till that was offline: the goods leave the books only now
}

func (w *world) agenda(day int) *agenda {
	if w.ahead[day] == nil {
		w.ahead[day] = &agenda{}
	}
	return w.ahead[day]
}

// site is one hall.
type site struct {
	index  int
	id     int64
	name   string
	tables []*table

	staff    []*assistant
	shelf    []*item
	packages []*couponPackage
	// What has been numbered on the present day.
	balanceCount, rechargeCount, movementCount int
}

// siteProfile is what most records repeat of their hall.
type siteProfile struct {
	ID          int64   `json:"id"`
	OrgID       int64   `json:"org_id"`
	ShopName    string  `json:"shop_name"`
	Address     string  `json:"address"`
	TenantID    int64   `json:"tenant_id"`
	SiteLabel   string  `json:"site_label"`
	BusinessTel string  `json:"business_tel"`
	ShopStatus  int     `json:"shop_status"`
	Longitude   float64 `json:"longitude"`
	Latitude    float64 `json:"latitude"`
}

func (s *site) label() string { return string(rune('A' + s.index)) }

func (s *site) address() string { return "示例市示例路" + string(rune('1'+s.index)) + "号" }

func (s *site) profile() siteProfile {
	return siteProfile{
		ID: s.id, OrgID: orgID, ShopName: s.name, Address: s.address(), TenantID: tenantID, SiteLabel: s.label(),
		BusinessTel: "0755-00000000", ShopStatus: 1, Longitude: 113.9, Latitude: 22.5,
	}
}

func newWorld(o Options) *world {
	w := &world{options: o, days: -1, ahead: map[int]*agenda{}}
	for i := range o.Sites {
		s := &site{index: i, id: firstSite + int64(i), name: "示例台球俱乐部" + string(rune('A'+i)) + "店"}
		s.tables = newTables(s, o.Tables)
		s.packages = newPackages(s)
		w.sites = append(w.sites, s)
		w.openMembership(s)
		w.hire(s)
		w.stockUp(s)
	}
	w.days = 0
	return w
}

// topic separates the random numbers of one matter from those of another, so that a change in how many one of them
// draws moves nothing else.
type topic uint64

const (
	opening topic = iota + 1
	business
	membership
	furniture
	till
	counter
	personnel
	shelves
	offers
)

func (w *world) random(t topic, s *site, day int) *rand.Rand {
	return rand.New(rand.NewPCG(w.options.Seed, uint64(t)<<56|uint64(s.index)<<48|uint64(day)))
}

// date is midnight at the beginning of a business day.
func (w *world) date(day int) time.Time { return w.options.Start.AddDate(0, 0, day) }

// liveUntil makes every day up to, and without, the given one.
func (w *world) liveUntil(days int) {
	for ; w.days < days; w.days++ {
		w.liveThrough(w.days)
	}
}

func (w *world) liveThrough(day int) {
	var today []*settlement
	for _, s := range w.sites {
		s.balanceCount, s.rechargeCount, s.movementCount = 0, 0, 0
		today = append(today, w.business(s, day)...)
	}
	// Cards are the tenant's: who pays with one in two halls is one after the other there.
	w.trade(today, day)
	for _, s := range w.sites {
		own := slices.DeleteFunc(slices.Clone(today), func(o *settlement) bool { return o.site != s })
		w.refundSome(w.random(counter, s, day), own, day)
		w.moveGoods(s, day, own)
	}
	w.orders = append(w.orders, today...)
	// Changes of master data are made after closing time: the day's orders were made with the old values.
	for _, s := range w.sites {
		w.changeMembers(s, day)
		w.changeTables(s, day)
		w.changeStaff(s, day)
		w.changeOffers(s, day)
	}
	delete(w.ahead, day)
}

// view is the world as it was after a number of days.
type view struct {
	*world
	after int
}

func (v view) now() time.Time { return v.date(v.after) }

// shown yields the settlements that the upstream knows of, in the order in which they were opened.
func (v view) shown() iter.Seq[*settlement] {
	return func(yield func(*settlement) bool) {
		for _, o := range v.orders {
			if o.shownOn < v.after && !yield(o) {
				return
			}
		}
	}
}

// refunded says whether the settlement's refund has happened.
func (v view) refunded(o *settlement) bool { return o.refund != nil && o.refund.day < v.after }

// undone says whether everything of the settlement was given back.
func (v view) undone(o *settlement) bool { return v.refunded(o) && o.refund.revoke != 0 }

// dated is a value that holds from the beginning of a business day on.
type dated[T any] struct {
	from  int
	value T
}

// at is the last value that holds on the day; the first one holds from ever on.
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
