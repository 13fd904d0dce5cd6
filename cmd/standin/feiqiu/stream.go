package feiqiu

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// stream is one endpoint: where it is, how its answer is cut, and what it holds. To add one, write a file with its
// record and a function like memberProfiles, and name that function in streams.
type stream struct {
	name    string
	path    string
	former  string   // path that serves the events which are too old for the plain one, "" without one
	list    string   // name of the array in data; "" when data is the array
	events  bool     // asked for by a window of time; otherwise the list is read whole
	single  bool     // one document per settlement id, without paging
	amounts []string // the fields that the ledger adds up
	rows    func(view) []row
	// report makes the rows for the stretch that is asked for; rows are then those of whole weeks.
	report func(v view, s *site, start, end time.Time) []row
}

// row is one record as the upstream shows it now.
type row struct {
	site    int64     // 0: the tenant's, shown to every hall
	at      time.Time // what the window of an event stream is compared with
	key     int64
	amounts []Cents // in the order of the stream's amounts
	raw     []byte
}

func streams() []stream {
	return []stream{
		memberProfiles(),
		memberStoredValueCards(),
		siteTablesMaster(),
		assistantAccountsMaster(),
		tenantGoodsMaster(),
		storeGoodsMaster(),
		stockGoodsCategoryTree(),
		groupBuyPackages(),
		settlementRecords(),
		settlementTicketDetails(),
		paymentTransactions(),
		refundTransactions(),
		rechargeSettlements(),
		memberBalanceChanges(),
		tableFeeTransactions(),
		tableFeeDiscountRecords(),
		assistantServiceRecords(),
		assistantCancellationRecords(),
		storeGoodsSalesRecords(),
		goodsStockMovements(),
		goodsStockSummary(),
		groupBuyRedemptionRecords(),
		platformCouponRedemptionRecords(),
	}
}

// holding is what the streams hold on one day, each made when it is first asked for.
type holding struct {
	view
	mu     sync.Mutex
	tables map[string]*content
}

// content is one stream's rows, ready to be served.
type content struct {
	rows   []row           // by time, then key
	bySite map[int64][]row // the same, as each hall sees them
	byKey  map[int64]row
}

func (h *holding) content(s stream) *content {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c, ok := h.tables[s.name]; ok {
		return c
	}
	c := newContent(s.rows(h.view), h.sites)
	h.tables[s.name] = c
	return c
}

func newContent(rows []row, sites []*site) *content {
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.key, b.key))
	})
	c := &content{rows: rows, bySite: map[int64][]row{}, byKey: make(map[int64]row, len(rows))}
	for _, r := range rows {
		c.byKey[r.key] = r
		for _, s := range sites {
			if r.site == 0 || r.site == s.id {
				c.bySite[s.id] = append(c.bySite[s.id], r)
			}
		}
	}
	return c
}

// between is the part of the rows, which are in order of time, that lies in [start, end).
func between(rows []row, start, end time.Time) []row {
	from := firstAtOrAfter(rows, start)
	return rows[from:max(from, firstAtOrAfter(rows, end))]
}

func firstAtOrAfter(rows []row, t time.Time) int {
	i, _ := slices.BinarySearchFunc(rows, t, func(r row, t time.Time) int {
		if r.at.Before(t) {
			return -1
		}
		return 1
	})
	return i
}
