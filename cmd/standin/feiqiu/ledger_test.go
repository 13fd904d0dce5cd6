package feiqiu_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/cmd/standin/feiqiu"
)

// contents are all records of all streams.
func contents(s *feiqiu.Server) map[string]map[int64]json.RawMessage {
	all := map[string]map[int64]json.RawMessage{}
	for _, stream := range s.Ledger().Streams() {
		all[stream] = s.Ledger().Records(stream)
	}
	return all
}

func TestServer_sameSeedSameBytes(t *testing.T) {
	t.Parallel()
	a, b := feiqiu.New(feiqiu.Options{Seed: 7, Days: 12}), feiqiu.New(feiqiu.Options{Seed: 7, Days: 12})
	require.Equal(t, contents(a), contents(b))
	require.NotEqual(t, contents(a), contents(feiqiu.New(feiqiu.Options{Seed: 8, Days: 12})))
}

func TestAdvance_equalsAServerStartedLater(t *testing.T) {
	t.Parallel()
	advanced := feiqiu.New(feiqiu.Options{Days: 9, Sites: 2})
	for range 3 {
		advanced.Advance(1)
	}
	later := feiqiu.New(feiqiu.Options{Days: 12, Sites: 2})
	require.Equal(t, later.Now(), advanced.Now())
	require.Equal(t, contents(later), contents(advanced))
	require.Equal(t, later.Ledger().OrderSummary(), advanced.Ledger().OrderSummary())
}

// changes of one stream over a day.
type changes struct{ added, changed, same int }

func compare(before, after map[int64]json.RawMessage) changes {
	var c changes
	for key, raw := range after {
		switch old, ok := before[key]; {
		case !ok:
			c.added++
		case string(old) == string(raw):
			c.same++
		default:
			c.changed++
		}
	}
	return c
}

func TestAdvance_bringsWhatADayBrings(t *testing.T) {
	t.Parallel()
	s := feiqiu.New(feiqiu.Options{Days: 28, Sites: 2})
	seldom, after := map[string]int{}, contents(s)
	for range 7 {
		before, then := after, s.Now()
		s.Advance(1)
		require.Equal(t, then.Add(24*time.Hour), s.Now())
		after = contents(s)
		for stream := range before {
			c := compare(before[stream], after[stream])
			require.Equal(t, len(before[stream]), c.changed+c.same, "%s lost records", stream)
			switch stream {
			case "member_profiles":
				require.Equal(t, 4, c.changed, "a grade and a name in each hall")
			case "site_tables_master":
				require.Positive(t, c.changed)
				require.LessOrEqual(t, c.changed, 6)
			case "member_stored_value_cards", "assistant_accounts_master", "store_goods_master", "goods_stock_summary":
				require.Positive(t, c.changed, stream)
			case "tenant_goods_master", "stock_goods_category_tree", "group_buy_packages":
				require.Zero(t, c.added, stream)
				seldom[stream] += c.changed
			case "store_goods_sales_records":
				require.Positive(t, c.added, stream)
				seldom[stream] += c.changed
			case "assistant_cancellation_records", "table_fee_discount_records":
				require.Zero(t, c.changed, stream)
				seldom[stream] += c.added
			case "settlement_records", "settlement_ticket_details":
				require.Equal(t, 2, c.changed, "one old settlement of each hall is refunded")
				require.GreaterOrEqual(t, c.added, 30)
			default:
				require.Zero(t, c.changed, stream)
				require.Positive(t, c.added, stream)
			}
		}
		requireLateAndCorrected(t, before["settlement_records"], after["settlement_records"], then)
	}
	for stream, times := range seldom {
		require.Positive(t, times, stream)
	}
	require.Len(t, seldom, 6)
}

func requireLateAndCorrected(t *testing.T, before, after map[int64]json.RawMessage, then time.Time) {
	t.Helper()
	late := 0
	for key, raw := range after {
		now := settlementOf(t, raw)
		if _, ok := before[key]; !ok {
			if now.PayTime < then.Format(time.DateTime) {
				late++
			}
			continue
		}
		was := settlementOf(t, before[key])
		require.Equal(t, was.PayTime, now.PayTime)
		if was.RefundAmount.Cmp(&now.RefundAmount.Rat) != 0 {
			require.Less(t, now.PayTime, then.Format(time.DateTime))
		}
	}
	require.Equal(t, 2, late, "one late settlement of each hall")
}

func TestLedger_doesNotChangeWhenTheServerGoesOn(t *testing.T) {
	t.Parallel()
	s := feiqiu.New(feiqiu.Options{Days: 5})
	ledger := s.Ledger()
	count := ledger.Totals("settlement_records").Count
	s.Advance(1)
	require.Equal(t, count, ledger.Totals("settlement_records").Count)
	require.Greater(t, s.Ledger().Totals("settlement_records").Count, count)
}

// money is an exact amount read from JSON.
type money struct{ big.Rat }

func (m *money) UnmarshalJSON(raw []byte) error {
	if _, ok := m.SetString(string(raw)); !ok {
		return fmt.Errorf("not an amount: %s", raw)
	}
	return nil
}

func sum(amounts ...money) string {
	var total big.Rat
	for _, a := range amounts {
		total.Add(&total, &a.Rat)
	}
	return total.FloatString(2)
}

type settlementJSON struct {
	ID, SiteID, OrderTradeNo, RevokeOrderID, TableID, MemberID       int64
	ConsumeMoney, TableChargeMoney, GoodsMoney, AssistantPdMoney     money
	AssistantCxMoney, ServiceMoney, MemberDiscountAmount             money
	AdjustAmount, CouponAmount, PointAmount, RoundingAmount          money
	PayAmount, BalanceAmount, CashAmount, OnlineAmount, RefundAmount money
	PaymentMethod                                                    int
	PayTime, RevokeTime, CreateTime                                  string
}

func settlementOf(t *testing.T, raw json.RawMessage) settlementJSON {
	t.Helper()
	var s settlementJSON
	require.NoError(t, json.Unmarshal(raw, &s))
	return s
}

func TestLedger_settlementsAddUp(t *testing.T) {
	t.Parallel()
	s := feiqiu.New(feiqiu.Options{Sites: 2})
	seen := map[string]int{}
	for _, raw := range s.Ledger().Records("settlement_records") {
		o := settlementOf(t, raw)
		consumed := sum(o.ConsumeMoney)
		require.Equal(t, consumed, sum(o.TableChargeMoney, o.GoodsMoney, o.AssistantPdMoney, o.AssistantCxMoney, o.ServiceMoney))
		require.Equal(t, consumed, sum(o.PayAmount, o.BalanceAmount, o.CouponAmount, o.MemberDiscountAmount, o.AdjustAmount,
			o.PointAmount, o.RoundingAmount))
		require.Equal(t, sum(o.PayAmount), sum(o.CashAmount, o.OnlineAmount))
		require.LessOrEqual(t, o.RefundAmount.Cmp(&o.PayAmount.Rat), 0)
		require.Greater(t, o.OrderTradeNo, int64(1)<<53)
		require.GreaterOrEqual(t, o.PayTime, o.CreateTime)
		require.Less(t, o.PayTime, s.Now().Format(time.DateTime))
		require.Equal(t, o.RevokeOrderID == 0, o.RevokeTime == "0001-01-01 00:00:00")
		for name, a := range map[string]money{
			"coupon": o.CouponAmount, "discount": o.MemberDiscountAmount, "adjust": o.AdjustAmount, "point": o.PointAmount,
			"rounding": o.RoundingAmount, "balance": o.BalanceAmount, "cash": o.CashAmount, "online": o.OnlineAmount,
			"refund": o.RefundAmount, "service": o.ServiceMoney, "overtime": o.AssistantCxMoney,
		} {
			require.GreaterOrEqual(t, a.Sign(), 0, name)
			seen[name] += a.Sign()
		}
		if o.RefundAmount.Sign() > 0 && o.RevokeOrderID == 0 {
			seen["part refund"]++
		}
	}
	require.Len(t, seen, 12)
	for name, count := range seen {
		require.Positive(t, count, "no settlement has %s", name)
	}
}

func TestLedger_moneyAddsUpToSettlements(t *testing.T) {
	t.Parallel()
	ledger := feiqiu.New(feiqiu.Options{Sites: 2}).Ledger()
	type movement struct {
		RelateType int   `json:"relate_type"`
		RelateID   int64 `json:"relate_id"`
		PayAmount  money `json:"pay_amount"`
		PayStatus  int   `json:"pay_status"`
	}
	add := func(stream string, relate int) (sums map[int64][]money, failed int) {
		sums = map[int64][]money{}
		for _, raw := range ledger.Records(stream) {
			var m movement
			require.NoError(t, json.Unmarshal(raw, &m))
			switch {
			case m.RelateType != relate:
			case m.PayStatus == 2:
				sums[m.RelateID] = append(sums[m.RelateID], m.PayAmount)
			default:
				failed++
			}
		}
		return sums, failed
	}
	paid, failed := add("payment_transactions", 2)
	refunded, _ := add("refund_transactions", 2)
	require.Positive(t, failed, "no payment has failed")
	var split int
	for key, raw := range ledger.Records("settlement_records") {
		o := settlementOf(t, raw)
		require.Equal(t, sum(o.PayAmount), sum(paid[key]...))
		require.Equal(t, "0.00", sum(append(refunded[key], o.RefundAmount)...))
		if len(paid[key]) > 1 {
			split++
		}
		delete(paid, key)
		delete(refunded, key)
	}
	require.Positive(t, split, "no settlement was paid in two ways")
	require.Empty(t, paid)
	require.Empty(t, refunded)

	paid, _ = add("payment_transactions", 5)
	refunded, _ = add("refund_transactions", 5)
	require.NotEmpty(t, refunded, "no recharge was undone")
	for key, raw := range ledger.Records("recharge_settlements") {
		o := settlementOf(t, raw)
		if o.RevokeOrderID == 0 {
			require.Equal(t, sum(o.PayAmount), sum(paid[key]...))
			delete(paid, key)
			continue
		}
		require.Equal(t, sum(o.PayAmount), sum(refunded[o.RevokeOrderID]...), "what is undone goes back")
		delete(refunded, o.RevokeOrderID)
	}
	require.Empty(t, paid)
	require.Empty(t, refunded)
}

// Every card begins with nothing; each change begins where the one before it ended, and the last one says what is on it.
func TestLedger_balanceChangesAreAChain(t *testing.T) {
	t.Parallel()
	ledger := feiqiu.New(feiqiu.Options{Days: 30, Sites: 2}).Ledger()
	type change struct {
		ID         int64  `json:"id"`
		Card       int64  `json:"tenant_member_card_id"`
		From       int    `json:"from_type"`
		Relate     int64  `json:"relate_id"`
		Before     money  `json:"before"`
		Change     money  `json:"account_data"`
		After      money  `json:"after"`
		CreateTime string `json:"create_time"`
	}
	byCard, kinds, balance := map[int64][]change{}, map[int]int{}, map[int64][]money{}
	for _, raw := range ledger.Records("member_balance_changes") {
		var c change
		require.NoError(t, json.Unmarshal(raw, &c))
		require.Equal(t, sum(c.After), sum(c.Before, c.Change))
		byCard[c.Card] = append(byCard[c.Card], c)
		kinds[c.From]++
		if c.From == 1 {
			balance[c.Relate] = append(balance[c.Relate], c.Change)
		}
	}
	require.Len(t, kinds, 5, "%v", kinds)
	for key, raw := range ledger.Records("settlement_records") {
		require.Equal(t, "0.00", sum(append(balance[key], settlementOf(t, raw).BalanceAmount)...))
	}
	cards := 0
	for key, raw := range ledger.Records("member_stored_value_cards") {
		var c struct{ Balance money }
		require.NoError(t, json.Unmarshal(raw, &c))
		changes := byCard[key]
		slices.SortFunc(changes, func(a, b change) int {
			return cmp.Or(strings.Compare(a.CreateTime, b.CreateTime), cmp.Compare(a.ID, b.ID))
		})
		last := money{}
		for _, one := range changes {
			require.Equal(t, sum(last), sum(one.Before))
			require.GreaterOrEqual(t, one.After.Sign(), 0)
			last = one.After
		}
		require.Equal(t, sum(last), sum(c.Balance))
		cards++
		delete(byCard, key)
	}
	require.Empty(t, byCard)
	require.Greater(t, cards, 30)
}

type lineJSON struct {
	LedgerUnitPrice, LedgerAmount money
	LedgerCount                   int64
}

type ticketJSON struct {
	OrderSettleID                             int64
	ConsumeMoney, ActualPayment, CouponAmount money
	OrderItem                                 []struct {
		TableLedger       *lineJSON
		AssistantPlayWith []lineJSON
		GoodsLedgers      []lineJSON
		CouponLedgers     []lineJSON
	}
}

func TestLedger_ticketLinesAddUp(t *testing.T) {
	t.Parallel()
	ledger := feiqiu.New(feiqiu.Options{Sites: 2}).Ledger()
	settlements := ledger.Records("settlement_records")
	kinds := map[string]int{}
	for key, raw := range ledger.Records("settlement_ticket_details") {
		var ticket ticketJSON
		require.NoError(t, json.Unmarshal(raw, &ticket))
		o := settlementOf(t, settlements[key])
		require.Equal(t, sum(o.PayAmount), sum(ticket.ActualPayment))

		consumed, coupons := []money{o.ServiceMoney}, []money{}
		for _, item := range ticket.OrderItem {
			if item.TableLedger != nil {
				kinds["table"]++
				consumed = append(consumed, item.TableLedger.LedgerAmount)
			}
			for _, line := range append(item.AssistantPlayWith, item.GoodsLedgers...) {
				kinds["other"]++
				consumed = append(consumed, line.LedgerAmount)
			}
			for _, line := range item.CouponLedgers {
				kinds["coupon"]++
				coupons = append(coupons, line.LedgerAmount)
			}
		}
		require.Equal(t, sum(ticket.ConsumeMoney), sum(consumed...))
		require.Equal(t, sum(ticket.CouponAmount), sum(coupons...))
	}
	require.Len(t, kinds, 3)
}

func TestLedger_totalsAreTheSumsOfTheRecords(t *testing.T) {
	t.Parallel()
	ledger := feiqiu.New(feiqiu.Options{Days: 10}).Ledger()
	for _, stream := range ledger.Streams() {
		totals, records := ledger.Totals(stream), ledger.Records(stream)
		require.Len(t, records, totals.Count)
		for field, want := range totals.Sums {
			var amounts []money
			for _, raw := range records {
				var record map[string]json.RawMessage
				require.NoError(t, json.Unmarshal(raw, &record))
				var amount money
				require.NoError(t, json.Unmarshal(record[field], &amount))
				amounts = append(amounts, amount)
			}
			require.Equal(t, want.String(), sum(amounts...), "%s.%s", stream, field)
		}
	}
}

func TestOrderSummary_addsUpTheServedRecords(t *testing.T) {
	t.Parallel()
	ledger := feiqiu.New(feiqiu.Options{Days: 15, Sites: 2}).Ledger()
	type figures struct {
		orders, refunded                        int
		consume, paid, balance, coupon, refunds []money
	}
	type group struct {
		site int64
		date string
	}
	want := map[group]*figures{}
	for _, raw := range ledger.Records("settlement_records") {
		o := settlementOf(t, raw)
		g := group{o.SiteID, o.PayTime[:10]}
		if want[g] == nil {
			want[g] = &figures{}
		}
		f := want[g]
		f.orders++
		f.refunded += o.RefundAmount.Sign()
		f.consume = append(f.consume, o.ConsumeMoney)
		f.paid = append(f.paid, o.PayAmount)
		f.balance = append(f.balance, o.BalanceAmount)
		f.coupon = append(f.coupon, o.CouponAmount)
		f.refunds = append(f.refunds, o.RefundAmount)
	}
	rows := ledger.OrderSummary()
	require.Len(t, rows, len(want))
	var ordersRefund, refundsPaid feiqiu.Cents
	for _, row := range rows {
		f := want[group{row.SiteID, row.BusinessDate}]
		require.Equal(t, []int{f.orders, f.refunded}, []int{row.Orders, row.OrdersRefunded})
		require.Equal(t, row.Orders, row.TableOrders+row.GoodsOrders)
		require.Equal(t,
			[]string{sum(f.consume...), sum(f.paid...), sum(f.balance...), sum(f.coupon...), sum(f.refunds...)},
			[]string{row.Consume.String(), row.Paid.String(), row.Balance.String(), row.Coupon.String(), row.OrdersRefund.String()})
		ordersRefund += row.OrdersRefund
		refundsPaid += row.RefundsPaid
	}
	require.Equal(t, refundsPaid, ordersRefund)
}
