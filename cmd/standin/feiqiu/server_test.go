package feiqiu_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/cmd/standin/feiqiu"
)

// endpoints say how each stream is asked for and where its records are.
var endpoints = []struct {
	stream, path, former, list string
	events                     bool
}{
	{"member_profiles", "/MemberProfile/GetTenantMemberList", "", "tenantMemberInfos", false},
	{"member_stored_value_cards", "/MemberProfile/GetTenantMemberCardList", "", "tenantMemberCards", false},
	{"site_tables_master", "/Table/GetSiteTables", "", "siteTables", false},
	{"assistant_accounts_master", "/PersonnelManagement/SearchAssistantInfo", "", "assistantInfos", false},
	{"tenant_goods_master", "/TenantGoods/QueryTenantGoods", "", "tenantGoodsList", false},
	{"store_goods_master", "/TenantGoods/GetGoodsInventoryList", "", "orderGoodsList", false},
	{"stock_goods_category_tree", "/TenantGoodsCategory/QueryPrimarySecondaryCategory", "", "goodsCategoryList", false},
	{"group_buy_packages", "/PackageCoupon/QueryPackageCouponList", "", "packageCouponList", false},
	{"settlement_records", "/Site/GetAllOrderSettleList", "/Site/GetFormerOrderSettleList", "settleList", true},
	{"payment_transactions", "/PayLog/GetPayLogListPage", "/PayLog/GetFormerPayLogListPage", "", true},
	{"refund_transactions", "/Order/GetRefundPayLogList", "/Order/GetFormerRefundPayLogList", "", true},
	{"recharge_settlements", "/Site/GetRechargeSettleList", "/Site/GetFormerRechargeSettleList", "settleList", true},
	{"member_balance_changes", "/MemberProfile/GetMemberCardBalanceChange", "/MemberProfile/GetFormerMemberCardBalanceChange", "tenantMemberCardLogs", true},
	{"table_fee_transactions", "/Site/GetSiteTableOrderDetails", "/Site/GetFormerSiteTableOrderDetails", "siteTableUseDetailsList", true},
	{"table_fee_discount_records", "/Site/GetTaiFeeAdjustList", "/Site/GetFormerTaiFeeAdjustList", "taiFeeAdjustInfos", true},
	{"assistant_service_records", "/AssistantPerformance/GetOrderAssistantDetails", "/AssistantPerformance/GetFormerOrderAssistantDetails", "orderAssistantDetails", true},
	{"assistant_cancellation_records", "/AssistantPerformance/GetAbolitionAssistant", "/AssistantPerformance/GetFormerAbolitionAssistant", "abolitionAssistants", true},
	{"store_goods_sales_records", "/TenantGoods/GetGoodsSalesList", "/TenantGoods/GetFormerGoodsSalesList", "orderGoodsLedgers", true},
	{"goods_stock_movements", "/GoodsStockManage/QueryGoodsOutboundReceipt", "/GoodsStockManage/QueryFormerGoodsOutboundReceipt", "queryDeliveryRecordsList", true},
	{"group_buy_redemption_records", "/Site/GetSiteTableUseDetails", "/Site/GetFormerSiteTableUseDetails", "siteTableUseDetailsList", true},
	{"platform_coupon_redemption_records", "/Promotion/GetOfflineCouponConsumePageList", "/Promotion/GetFormerOfflineCouponConsumePageList", "", true},
}

const ticketPath = "/Order/GetOrderSettleTicketNew"

// reply is an answer of the API, with what list endpoints put into it.
type reply struct {
	Status int
	Header http.Header
	Code   int
	Msg    string
	Total  int
	Rows   []json.RawMessage
	Data   json.RawMessage
}

// client asks a server under test.
type client struct {
	t     *testing.T
	url   string
	token string
}

func serve(t *testing.T, o feiqiu.Options) (*feiqiu.Server, client) {
	t.Helper()
	s := feiqiu.New(o)
	web := httptest.NewServer(s.Handler())
	t.Cleanup(web.Close)
	return s, client{t: t, url: web.URL + feiqiu.BasePath, token: feiqiu.DefaultToken}
}

func (c client) send(method, path string, body []byte) (int, http.Header, []byte) {
	c.t.Helper()
	request, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, bytes.NewReader(body))
	require.NoError(c.t, err)
	request.Header.Set("Authorization", "Bearer "+c.token)
	response, err := http.DefaultClient.Do(request)
	require.NoError(c.t, err)
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	require.NoError(c.t, err)
	return response.StatusCode, response.Header, raw
}

func (c client) post(path, list string, body map[string]any) reply {
	c.t.Helper()
	raw, err := json.Marshal(body)
	require.NoError(c.t, err)
	status, header, answer := c.send(http.MethodPost, path, raw)
	var envelope struct {
		Code  int
		Msg   string
		Total int
		Data  json.RawMessage
	}
	require.NoError(c.t, json.Unmarshal(answer, &envelope), "%s", answer)
	r := reply{
		Status: status, Header: header, Code: envelope.Code, Msg: envelope.Msg, Total: envelope.Total, Data: envelope.Data,
	}
	if r.Code != 0 || path == ticketPath {
		return r
	}
	if list == "" {
		require.NoError(c.t, json.Unmarshal(r.Data, &r.Rows))
		return r
	}
	var data map[string]json.RawMessage
	require.NoError(c.t, json.Unmarshal(r.Data, &data))
	require.NoError(c.t, json.Unmarshal(data[list], &r.Rows))
	require.NoError(c.t, json.Unmarshal(data["total"], &r.Total))
	return r
}

// all pages through a list until it is empty.
func (c client) all(path, list string, body map[string]any) []json.RawMessage {
	c.t.Helper()
	var rows []json.RawMessage
	for page := 1; ; page++ {
		body["page"] = page
		r := c.post(path, list, body)
		require.Equal(c.t, 0, r.Code, r.Msg)
		if len(r.Rows) == 0 {
			require.Len(c.t, rows, r.Total)
			return rows
		}
		rows = append(rows, r.Rows...)
	}
}

func keyOf(t *testing.T, raw json.RawMessage) int64 {
	t.Helper()
	var record struct {
		ID               int64
		OrderSettleID    int64
		SiteGoodsStockID int64 `json:"site_goods_stock_id"`
	}
	require.NoError(t, json.Unmarshal(raw, &record))
	return cmp.Or(record.ID, record.OrderSettleID, record.SiteGoodsStockID)
}

// everything is what a client gets that reads all halls and paths from the first day on.
func (c client) everything(s *feiqiu.Server, path, former, list string) map[int64]json.RawMessage {
	c.t.Helper()
	got := map[int64]json.RawMessage{}
	for _, site := range s.Sites() {
		for _, p := range []string{path, former} {
			if p == "" {
				continue
			}
			body := map[string]any{
				"siteId": site, "limit": 70, "startTime": "2025-07-01 00:00:00", "endTime": "2027-01-01 00:00:00",
			}
			for _, raw := range c.all(p, list, body) {
				got[keyOf(c.t, raw)] = raw
			}
		}
	}
	return got
}

func TestServer_pagesCoverTheLedger(t *testing.T) {
	t.Parallel()
	s, c := serve(t, feiqiu.Options{Days: 20, Sites: 2})
	for _, e := range endpoints {
		want := s.Ledger().Records(e.stream)
		require.NotEmpty(t, want, e.stream)
		require.Equal(t, want, c.everything(s, e.path, e.former, e.list), e.stream)
	}
	require.Len(t, s.Ledger().Streams(), len(endpoints)+2, "tickets and the stock report are asked for in ways of their own")
}

// The stock report has no pages, and its rows do not say what they are about: what was asked does.
func TestServer_reportsOnTheStretchThatIsAskedFor(t *testing.T) {
	t.Parallel()
	s, c := serve(t, feiqiu.Options{Days: 9, Sites: 2})
	type report struct {
		Goods     int64 `json:"site_goods_id"`
		Start     int64 `json:"range_start_stock"`
		End       int64 `json:"range_end_stock"`
		In        int64 `json:"range_in"`
		Out       int64 `json:"range_out"`
		Sale      int64 `json:"range_sale"`
		Inventory int64 `json:"range_inventory"`
	}
	ask := func(site int64, start, end string) []report {
		r := c.post("/TenantGoods/GetGoodsStockReport", "", map[string]any{"siteId": site, "startTime": start, "endTime": end})
		var rows []report
		for _, raw := range r.Rows {
			var row report
			require.NoError(t, json.Unmarshal(raw, &row))
			require.Equal(t, row.End, row.Start+row.In-row.Out-row.Sale+row.Inventory)
			rows = append(rows, row)
		}
		require.Len(t, rows, r.Total)
		return rows
	}
	count := 0
	for _, site := range s.Sites() {
		require.Empty(t, ask(site, "2025-08-01 00:00:00", "2025-08-31 00:00:00"), "there was no hall yet")
		whole := ask(site, "2025-08-31 00:00:00", "2025-09-10 00:00:00")
		first, second := ask(site, "2025-08-31 00:00:00", "2025-09-04 12:34:56"), ask(site, "2025-09-04 12:34:56", "2025-09-10 00:00:00")
		require.Len(t, whole, 8)
		for i := range whole {
			require.Equal(t, []int64{0, first[i].End, whole[i].End}, []int64{whole[i].Start, second[i].Start, second[i].End})
			require.Equal(t, whole[i].Sale, first[i].Sale+second[i].Sale)
			require.Positive(t, whole[i].Sale)
		}
		count += 2 * len(whole)
	}
	require.Equal(t, count, s.Ledger().Totals("goods_stock_summary").Count, "the ledger holds a report for every week that is over")
}

func TestServer_formerPathsServeWhatIsOlderThanThreeMonths(t *testing.T) {
	t.Parallel()
	s, c := serve(t, feiqiu.Options{Days: 120, Sites: 1, Orders: 5})
	for _, e := range endpoints {
		if e.former == "" {
			continue
		}
		recent := c.everything(s, e.path, "", e.list)
		former := c.everything(s, e.former, "", e.list)
		require.NotEmpty(t, recent, e.stream)
		require.NotEmpty(t, former, e.stream)
		require.Len(t, s.Ledger().Records(e.stream), len(recent)+len(former), e.stream)
	}
}

func TestServer_windowsAreHalfOpen(t *testing.T) {
	t.Parallel()
	s, c := serve(t, feiqiu.Options{Days: 3})
	count := func(start, end string) int {
		body := map[string]any{"siteId": s.Sites()[0], "startTime": start, "endTime": end}
		return c.post("/PayLog/GetPayLogListPage", "", body).Total
	}
	body := map[string]any{"siteId": s.Sites()[0], "startTime": "2025-09-01 00:00:00", "endTime": "2025-09-04 00:00:00"}
	var payment struct {
		PayTime string `json:"pay_time"`
	}
	require.NoError(t, json.Unmarshal(c.post("/PayLog/GetPayLogListPage", "", body).Rows[7], &payment))

	whole := count("2025-09-01 00:00:00", "2025-09-04 00:00:00")
	before, after := count("2025-09-01 00:00:00", payment.PayTime), count(payment.PayTime, "2025-09-04 00:00:00")
	require.Equal(t, whole, before+after)
	require.LessOrEqual(t, before, 7)
	require.Zero(t, count(payment.PayTime, payment.PayTime))
}

func TestServer_servesATicketPerSettlement(t *testing.T) {
	t.Parallel()
	s, c := serve(t, feiqiu.Options{Days: 2})
	want := s.Ledger().Records("settlement_ticket_details")
	require.Len(t, want, s.Ledger().Totals("settlement_records").Count)
	for key, raw := range want {
		require.Equal(t, raw, c.post(ticketPath, "", map[string]any{"orderSettleId": key}).Data)
	}
}

func TestServer_clampsTheLimit(t *testing.T) {
	t.Parallel()
	s, c := serve(t, feiqiu.Options{Days: 20, Sites: 2})
	body := map[string]any{
		"siteId": s.Sites()[0], "limit": 1000, "startTime": "2025-09-01 00:00:00", "endTime": "2025-10-01 00:00:00",
	}
	r := c.post("/Site/GetAllOrderSettleList", "settleList", body)
	require.Len(t, r.Rows, 200)
	require.Greater(t, r.Total, 200)
	delete(body, "limit")
	require.Len(t, c.post("/Site/GetAllOrderSettleList", "settleList", body).Rows, 100)
}

func TestServer_refusesBadInput(t *testing.T) {
	t.Parallel()
	s, c := serve(t, feiqiu.Options{Days: 1})
	good := func() map[string]any {
		return map[string]any{"siteId": s.Sites()[0], "startTime": "2025-09-01 00:00:00", "endTime": "2025-09-02 00:00:00"}
	}
	cases := map[string]map[string]any{
		"unknown hall":     {"siteId": 7},
		"page zero":        {"page": -1},
		"negative limit":   {"limit": -5},
		"no start":         {"startTime": ""},
		"ISO time":         {"endTime": "2025-09-02T00:00:00Z"},
		"end before start": {"endTime": "2025-08-31 00:00:00"},
		"text for a page":  {"page": "first"},
	}
	require.Equal(t, 0, c.post("/PayLog/GetPayLogListPage", "", good()).Code)
	for name, change := range cases {
		body := good()
		for key, value := range change {
			body[key] = value
		}
		r := c.post("/PayLog/GetPayLogListPage", "", body)
		require.Equal(t, []int{http.StatusOK, 1}, []int{r.Status, r.Code}, name)
		require.NotEmpty(t, r.Msg, name)
	}
	require.Equal(t, 1, c.post(ticketPath, "", map[string]any{"orderSettleId": 1}).Code)
}

func TestServer_refusesAnUnknownTokenMethodAndPath(t *testing.T) {
	t.Parallel()
	s, c := serve(t, feiqiu.Options{Days: 1})
	body := map[string]any{"siteId": s.Sites()[0]}

	status, _, _ := c.send(http.MethodGet, "/Table/GetSiteTables", nil)
	require.Equal(t, http.StatusMethodNotAllowed, status)
	require.Equal(t, http.StatusNotFound, c.post("/Table/GetTables", "siteTables", body).Status)
	c.token = "stale"
	r := c.post("/Table/GetSiteTables", "siteTables", body)
	require.Equal(t, []int{http.StatusUnauthorized, http.StatusUnauthorized}, []int{r.Status, r.Code})

	served := s.Ledger().Served()["/Table/GetSiteTables"]
	require.Equal(t, feiqiu.Served{Requests: 2, Refused: 2}, served)
}

func TestServer_misbehavesOnRequest(t *testing.T) {
	t.Parallel()
	faults := feiqiu.Faults{ThrottleEvery: 3, RetryAfter: 1, BrokenEvery: 5}
	s, c := serve(t, feiqiu.Options{Days: 1, Faults: faults})
	body, err := json.Marshal(map[string]any{"siteId": s.Sites()[0]})
	require.NoError(t, err)
	var statuses []int
	for range 6 {
		status, header, answer := c.send(http.MethodPost, "/Table/GetSiteTables", body)
		statuses = append(statuses, status)
		switch status {
		case http.StatusTooManyRequests:
			require.Equal(t, "1", header.Get("Retry-After"))
		case http.StatusBadGateway:
			require.Contains(t, string(answer), "<html>")
		}
	}
	require.Equal(t, []int{200, 200, 429, 200, 502, 429}, statuses)
}

func TestServer_shiftsPagesOnRequest(t *testing.T) {
	t.Parallel()
	s, c := serve(t, feiqiu.Options{Days: 10, Faults: feiqiu.Faults{ShiftAfter: 1}})
	body := map[string]any{"siteId": s.Sites()[0], "startTime": "2025-09-01 00:00:00", "endTime": "2025-10-01 00:00:00"}
	first := c.post("/PayLog/GetPayLogListPage", "", body)
	second := c.post("/PayLog/GetPayLogListPage", "", body)
	require.Less(t, first.Total, second.Total)
}
