package xiaoe

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/terrace-elt/terrace/cmd/standin/money"
)

// product is something that the shop sells.
type product struct {
	number   int
	resource string
	kind     string // spu_type
	typ      int    // resource_type
	tag      string
	name     string
	price    money.Cents
	created  time.Time
	physical bool
}

type user struct {
	number  int
	id      string
	name    string
	from    string
	created time.Time
}

// order is one order with all that becomes of it, also what lies ahead.
type order struct {
	id      string
	user    *user
	product *product
	count   int
	coupon  money.Cents
	paid    money.Cents // what was paid, if it was
	client  int
	payWay  int
	created time.Time
	history []state
	sales   []*aftersale
}

// state is what an order is from a moment on.
type state struct {
	at         time.Time
	order      int // order_state
	ship       int
	sales      int // sales_state
	afterSales int
	payTime    time.Time
	refund     money.Cents
	refundTime time.Time
	settleTime time.Time
}

// aftersale is one claim of a buyer, or a refund that the shop makes by itself.
type aftersale struct {
	id      string
	order   *order
	created time.Time
	applied money.Cents
	reason  string
	history []claim
}

// claim is what an after-sale is from a moment on.
type claim struct {
	at     time.Time
	state  int
	refund money.Cents
}

// The states of orders and after-sales that the business comes to.
const (
	unpaid       = 0
	paid         = 1
	payFailed    = 2
	groupFailed  = 3
	lapsed       = 6
	userCancel   = 7
	refunding    = 8
	fullRefund   = 10
	partRefund   = 11
	claimWaits   = 1
	claimOpen    = 11
	claimDropped = 12
	claimDone    = 13
	claimRefused = 15
)

func products(start time.Time) []*product {
	list := []*product{
		{resource: "v_6770aa00e4b0694cabcd0001", kind: "VDO", typ: 3, tag: "视频", name: "Python 数据分析实战课", price: 19900},
		{resource: "v_6770aa00e4b0694cabcd0002", kind: "VDO", typ: 3, tag: "视频", name: "SQL 从零到一", price: 9900},
		{resource: "p_6770aa00e4b0694cabcd0003", kind: "CMN", typ: 6, tag: "专栏", name: "数据人周刊", price: 29900},
		{resource: "i_6770aa00e4b0694cabcd0004", kind: "CMN", typ: 1, tag: "图文", name: "面试题精讲", price: 1990},
		{resource: "term_6770aa00e4b0694cabcd0005", kind: "VCP", typ: 25, tag: "训练营", name: "三周训练营", price: 49900},
		{resource: "svip_6600cc22", kind: "SVP", typ: 23, tag: "超级会员", name: "年度超级会员", price: 36500},
		{resource: "l_6780aa11e4b0694c0001", kind: "CMN", typ: 4, tag: "直播", name: "直播答疑", price: 990},
		{resource: "g_6751bb11d0c3a_PqRsTuVw", kind: "SPU", typ: 21, tag: "实物商品", name: "精装笔记本套装(3本)", price: 4000, physical: true},
		{resource: "g_6751bb11d0c3a_XyZaBcDe", kind: "SPU", typ: 21, tag: "实物商品", name: "帆布袋", price: 5900, physical: true},
		// A type that nobody has written down yet.
		{resource: "x_6751bb11d0c3a_00000099", kind: "CMN", typ: 99, tag: "盲盒", name: "学习盲盒", price: 2900},
	}
	for i, p := range list {
		p.number, p.created = 72896+i, start.AddDate(0, 0, -200+i*10).Add(9*time.Hour)
	}
	return list
}

// holding is what the upstream holds at one time. It does not change.
type holding struct {
	days     int
	start    time.Time
	now      time.Time
	products []*product
	users    []*user
	orders   []*order     // by creation
	sales    []*aftersale // those that have been made, by their last change
	paidBy   map[*user]money.Cents
	lastSeen map[*user]time.Time
	sold     map[*product]int
}

// hold lives the days from the first one on.
func hold(o Options, days int) *holding {
	h := &holding{
		days: days, start: o.Start, now: o.Start.AddDate(0, 0, days), products: products(o.Start),
		paidBy: map[*user]money.Cents{}, lastSeen: map[*user]time.Time{}, sold: map[*product]int{},
	}
	opening := rand.New(rand.NewPCG(o.Seed, 1<<32))
	for range o.Users {
		h.join(opening, o.Start.AddDate(0, 0, -1-opening.IntN(300)))
	}
	for day := range days {
		h.live(o, day)
	}
	slices.SortFunc(h.orders, func(a, b *order) int { return cmp.Or(a.created.Compare(b.created), cmp.Compare(a.id, b.id)) })
	for _, o := range h.orders {
		s := h.state(o)
		if !s.payTime.IsZero() {
			h.paidBy[o.user] += o.paid
			h.sold[o.product] += o.count
		}
		if h.lastSeen[o.user].Before(o.created) {
			h.lastSeen[o.user] = o.created
		}
		for _, a := range o.sales {
			if a.created.Before(h.now) {
				h.sales = append(h.sales, a)
			}
		}
	}
	slices.SortFunc(h.sales, func(a, b *aftersale) int {
		return cmp.Or(h.claim(a).at.Compare(h.claim(b).at), cmp.Compare(a.id, b.id))
	})
	return h
}

// state is an order's last one that has come.
func (h *holding) state(o *order) state {
	now := o.history[0]
	for _, s := range o.history {
		if s.at.Before(h.now) {
			now = s
		}
	}
	return now
}

func (h *holding) claim(a *aftersale) claim {
	now := a.history[0]
	for _, c := range a.history {
		if c.at.Before(h.now) {
			now = c
		}
	}
	return now
}

func (h *holding) join(r *rand.Rand, day time.Time) {
	n := len(h.users)
	h.users = append(h.users, &user{
		number: n, id: fmt.Sprintf("u_%013x_%08d", day.Unix()+int64(n), n), created: day.Add(time.Duration(r.IntN(86400)) * time.Second),
		name: []string{"小琪", "林夏", "阿青", "", "Max", "老周"}[r.IntN(6)], from: []string{"微信", "手机号注册", "B端导入"}[r.IntN(3)],
	})
}

// live makes a day. It is the same however many days follow.
func (h *holding) live(o Options, day int) {
	r := rand.New(rand.NewPCG(o.Seed, uint64(day)))
	date := o.Start.AddDate(0, 0, day)
	for range r.IntN(4) {
		h.join(r, date)
	}
	count := o.Orders
	if weekday := date.Weekday(); weekday == time.Saturday || weekday == time.Sunday {
		count += count * 2 / 5
	}
	for n := range count {
		h.orders = append(h.orders, h.newOrder(r, date, n))
	}
}

// chance is true in so many of a thousand cases.
func chance(r *rand.Rand, permille int) bool { return r.IntN(1000) < permille }

func (h *holding) newOrder(r *rand.Rand, date time.Time, n int) *order {
	o := &order{
		user: h.users[r.IntN(len(h.users))], product: h.products[r.IntN(len(h.products))], count: 1,
		client: []int{0, 1, 11, 12}[r.IntN(4)], payWay: []int{0, 0, 2}[r.IntN(3)], created: date.Add(time.Duration(r.IntN(86400)) * time.Second),
	}
	o.id = fmt.Sprintf("o_%d_%013x_%08d", o.created.Unix(), o.created.UnixMilli(), n)
	if o.product.physical {
		o.count += r.IntN(3)
	}
	if chance(r, 250) {
		o.coupon = money.Cents(500 + 100*r.IntN(5))
	}
	o.paid = max(o.product.price*money.Cents(o.count)-o.coupon, 1)
	o.history = []state{{at: o.created, order: unpaid, sales: -1}}
	o.live(r, n)
	return o
}

// then adds a state that begins after some time.
func (o *order) then(after time.Duration, change func(*state)) {
	s := o.history[len(o.history)-1]
	s.at = s.at.Add(max(after, time.Second))
	change(&s)
	o.history = append(o.history, s)
}

func (o *order) live(r *rand.Rand, n int) {
	seconds := func(from, to int) time.Duration { return time.Duration(from+r.IntN(to-from)) * time.Second }
	switch {
	case n <= 3: // always paid: these come to the boundaries below
	case chance(r, 90):
		o.then(30*time.Minute, func(s *state) { s.order = lapsed })
		return
	case chance(r, 30):
		o.then(seconds(20, 1500), func(s *state) { s.order = userCancel })
		return
	case chance(r, 10):
		o.then(seconds(5, 100), func(s *state) { s.order = payFailed })
		return
	}
	o.then(seconds(5, 600), func(s *state) { s.order, s.payTime = paid, s.at })
	if o.product.physical {
		o.then(seconds(3600, 40000), func(s *state) { s.ship = 2 })
	}
	since := o.history[len(o.history)-1].at
	const day = 24 * time.Hour
	switch {
	case n == 0:
		o.refund(r, o.created.Add(7*day), o.paid, "不想要了")
	case n == 1:
		o.refund(r, o.created.Add(14*day), o.paid, "刚好十四天")
	case n == 2:
		o.refund(r, o.created.Add(14*day+time.Second), o.paid, "晚了一秒")
	case n == 3:
		o.refund(r, o.created.Add(15*day), o.paid, "第十五天")
	case chance(r, 12):
		o.groupFails(since.Add(seconds(60, 80000)))
	case chance(r, 80):
		o.refund(r, since.Add(seconds(90000, 30*86400)), o.paid, "内容不符")
	case chance(r, 40):
		first := since.Add(seconds(90000, 10*86400))
		o.refund(r, first, o.paid/3, "少发一件")
		if chance(r, 300) {
			o.refund(r, first.Add(seconds(90000, 12*86400)), o.paid-o.paid/3, "其余也退")
		}
	case chance(r, 20):
		o.claimInVain(r, since.Add(seconds(3600, 10*86400)))
	}
}

func (o *order) claims(at time.Time, amount money.Cents, reason string) *aftersale {
	a := &aftersale{
		id: fmt.Sprintf("A%d_%s_%d", at.Unix(), o.id[len(o.id)-22:], len(o.sales)), order: o, created: at, applied: amount, reason: reason,
		history: []claim{{at: at, state: claimWaits}},
	}
	o.sales = append(o.sales, a)
	return a
}

// refund gives money back at the given time, some hours after the buyer asked for it.
func (o *order) refund(r *rand.Rand, at time.Time, amount money.Cents, reason string) {
	asked := at.Add(-time.Duration(600+r.IntN(40000)) * time.Second)
	a := o.claims(asked, amount, reason)
	a.history = append(a.history, claim{at: asked.Add(time.Minute), state: claimOpen}, claim{at: at, state: claimDone, refund: amount})
	last := o.history[len(o.history)-1]
	o.then(asked.Sub(last.at), func(s *state) { s.order, s.afterSales = refunding, 1 })
	o.then(at.Sub(o.history[len(o.history)-1].at), func(s *state) {
		s.refund += amount
		s.refundTime, s.afterSales = s.at, 2
		s.order, s.sales = partRefund, 1
		if s.refund == o.paid {
			s.order, s.sales = fullRefund, 2
		}
	})
}

// groupFails gives the money back because not enough people joined.
func (o *order) groupFails(at time.Time) {
	a := o.claims(at, o.paid, "拼团失败自动退款")
	a.history = []claim{{at: at, state: claimDone, refund: o.paid}}
	o.then(at.Sub(o.history[len(o.history)-1].at), func(s *state) {
		s.order, s.refund, s.refundTime, s.sales = groupFailed, o.paid, s.at, 2
	})
}

// claimInVain is refused by the shop, or dropped by the buyer.
func (o *order) claimInVain(r *rand.Rand, at time.Time) {
	a := o.claims(at, o.paid, "不会用")
	end := []int{claimDropped, claimRefused}[r.IntN(2)]
	a.history = append(a.history, claim{at: at.Add(5 * time.Hour), state: end})
	o.then(at.Sub(o.history[len(o.history)-1].at), func(s *state) { s.order, s.afterSales = refunding, 1 })
	o.then(5*time.Hour, func(s *state) { s.order, s.afterSales = paid, 3 })
}
