package jushuitan_test

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/cmd/standin/jushuitan"
)

// client signs as the vendor's documents say, without the server's own code.
type client struct {
	t      *testing.T
	server *jushuitan.Server
	url    string
	token  string
}

func newClient(t *testing.T, o jushuitan.Options) *client {
	t.Helper()
	if o.PerSecond == 0 {
		o.PerSecond, o.PerMinute = -1, -1
	}
	server := jushuitan.New(o)
	web := httptest.NewServer(server.Handler())
	t.Cleanup(web.Close)
	c := &client{t: t, server: server, url: web.URL}
	c.token = c.issue()
	return c
}

func sum(text string) string {
	s := md5.Sum([]byte(text))
	return hex.EncodeToString(s[:])
}

func (c *client) now() string { return strconv.FormatInt(c.server.Now().Unix(), 10) }

// post sends a form to the new gateway, signed with the secret.
func (c *client) post(path string, form map[string]string, secret string) answer {
	c.t.Helper()
	names := []string{}
	for name, value := range form {
		if value != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	text, values := secret, url.Values{}
	for _, name := range names {
		text += name + form[name]
	}
	for name, value := range form {
		values.Set(name, value)
	}
	values.Set("sign", sum(text))
	resp, err := http.PostForm(c.url+path, values)
	require.NoError(c.t, err)
	return c.read(resp)
}

type list struct {
	PageIndex int  `json:"page_index"`
	PageSize  int  `json:"page_size"`
	PageCount int  `json:"page_count"`
	DataCount int  `json:"data_count"`
	HasNext   bool `json:"has_next"`
	Datas     []map[string]any
	Token     string `json:"access_token"`
	Refresh   string `json:"refresh_token"`
	ExpiresIn int    `json:"expires_in"`
}

type answer struct {
	status int
	Code   int
	Msg    *string
	Data   list
	list
}

func (c *client) read(resp *http.Response) answer {
	c.t.Helper()
	defer resp.Body.Close()
	var a answer
	a.status = resp.StatusCode
	if resp.Header.Get("Content-Type") == "text/html" {
		return a
	}
	decoder := json.NewDecoder(resp.Body)
	decoder.UseNumber()
	require.NoError(c.t, decoder.Decode(&a))
	return a
}

func (c *client) issue() string {
	a := c.post(jushuitan.InitPath, map[string]string{
		"app_key": jushuitan.AppKey, "timestamp": c.now(), "grant_type": "authorization_code", "charset": "utf-8", "code": "a1B2c3",
	}, jushuitan.AppSecret)
	require.Zero(c.t, a.Code)
	return a.Data.Token
}

// biz asks the new gateway.
func (c *client) biz(biz string) answer {
	c.t.Helper()
	return c.post(jushuitan.NewGateway, c.form(biz), jushuitan.AppSecret)
}

func (c *client) form(biz string) map[string]string {
	return map[string]string{
		"app_key": jushuitan.AppKey, "access_token": c.token, "timestamp": c.now(), "version": "2", "charset": "utf-8", "biz": biz,
	}
}

// old asks the old gateway.
func (c *client) old(token, ts, body string) answer {
	c.t.Helper()
	const method = "orders.out.simple.query"
	q := url.Values{"method": {method}, "partnerid": {jushuitan.PartnerID}, "token": {token}, "ts": {ts}}
	q.Set("sign", sum(method+jushuitan.PartnerID+"token"+token+"ts"+ts+jushuitan.PartnerKey))
	resp, err := http.Post(c.url+jushuitan.OldGateway+"?"+q.Encode(), "application/json", strings.NewReader(body))
	require.NoError(c.t, err)
	return c.read(resp)
}

const week = `"modified_begin":"2025-09-01 00:00:00","modified_end":"2025-09-07 23:59:59"`

func TestServer_signsAsTheVendorsExamplesDo(t *testing.T) {
	t.Parallel()
	require.Equal(t, "b202caceb056d1f54d3022d009b1041b", sum("orders.out.simple.querydemo_partner_01tokendemo_token_01ts1725120000demo_partnerkey_01"))
	require.Equal(t, "41239e1410330780a1772191d86d280b",
		sum("demo_app_secret_01app_keydemo_app_key_01charsetutf-8codea1B2c3grant_typeauthorization_codetimestamp1725120000"))
	c := newClient(t, jushuitan.Options{Days: 10})
	require.Zero(t, c.biz(`{"page_index":1,`+week+`,"remark":"订单"}`).Code, "Chinese text is signed raw")
	require.Equal(t, 101, c.post(jushuitan.NewGateway, c.form("{}"), "wrong").Code)
	require.Equal(t, 101, c.post(jushuitan.InitPath, map[string]string{"app_key": jushuitan.AppKey, "timestamp": c.now(), "charset": "utf-8"}, "wrong").Code)
	require.Zero(t, c.old(jushuitan.PartnerToken, c.now(), "{"+week+"}").Code)
	require.Equal(t, 100, c.old("other", c.now(), "{"+week+"}").Code)
	require.Equal(t, 102, c.old(jushuitan.PartnerToken, "1725120000", "{"+week+"}").Code)
	late := c.form("{" + week + "}")
	late["timestamp"] = strconv.FormatInt(c.server.Now().Add(11*time.Minute).Unix(), 10)
	require.Equal(t, 102, c.post(jushuitan.NewGateway, late, jushuitan.AppSecret).Code)
	require.Equal(t, 190, c.post("/open/nothing", nil, "").Code)
}

func TestServer_tokensEndAndAreRenewed(t *testing.T) {
	t.Parallel()
	c := newClient(t, jushuitan.Options{Days: 10, TokenLife: 36 * time.Hour})
	require.Zero(t, c.biz("{"+week+"}").Code)
	refresh := func(token string) answer {
		return c.post(jushuitan.RefreshPath, map[string]string{
			"app_key": jushuitan.AppKey, "timestamp": c.now(), "grant_type": "refresh_token", "charset": "utf-8", "refresh_token": token, "scope": "all",
		}, jushuitan.AppSecret)
	}
	first := refresh(jushuitan.RefreshToken)
	require.Equal(t, 129600, first.Data.ExpiresIn)
	c.server.Advance(1)
	c.token = first.Data.Token
	require.Zero(t, c.biz("{"+week+"}").Code)
	c.server.Advance(1)
	require.Equal(t, 100, c.biz("{"+week+"}").Code)
	require.Equal(t, 100, refresh("demo_refresh_token_1_forged").Code)
	second := refresh(first.Data.Refresh)
	require.NotEqual(t, first.Data.Refresh, second.Data.Refresh)
	c.token = second.Data.Token
	require.Zero(t, c.biz("{"+week+"}").Code)
}

func TestServer_refusesWhatTheVendorRefuses(t *testing.T) {
	t.Parallel()
	c := newClient(t, jushuitan.Options{Days: 10})
	for name, biz := range map[string]string{
		"no window":           `{"page_index":1}`,
		"half a window":       `{"modified_begin":"2025-09-01 00:00:00"}`,
		"more than 7 days":    `{"modified_begin":"2025-09-01 00:00:00","modified_end":"2025-09-08 00:00:01"}`,
		"ISO times":           `{"modified_begin":"2025-09-01T00:00:00Z","modified_end":"2025-09-02T00:00:00Z"}`,
		"end before begin":    `{"modified_begin":"2025-09-02 00:00:00","modified_end":"2025-09-01 00:00:00"}`,
		"both ways of asking": `{"start_ts":0,` + week + `}`,
		"a second ts page":    `{"start_ts":0,"page_index":2}`,
		"21 numbers":          `{"so_ids":["` + strings.Repeat(`1","`, 20) + `1"]}`,
		"not JSON":            `page_index=1`,
	} {
		a := c.biz(biz)
		require.Equal(t, 130, a.Code, name)
		require.Equal(t, http.StatusOK, a.status, name)
	}
	strict := newClient(t, jushuitan.Options{Days: 10, StrictPages: true})
	require.Equal(t, 130, strict.biz(`{"page_size":100,`+week+`}`).Code)
}

func TestServer_pagesGiveEveryOrderOnce(t *testing.T) {
	t.Parallel()
	c := newClient(t, jushuitan.Options{Days: 10})
	begin := time.Date(2025, 9, 1, 0, 0, 0, 0, jushuitan.Zone)
	seen := map[string]bool{}
	for day := range 10 {
		from := begin.AddDate(0, 0, day)
		for index := 1; ; index++ {
			a := c.biz(fmt.Sprintf(`{"page_index":"%d","page_size":"100","modified_begin":"%s","modified_end":"%s"}`,
				index, from.Format(time.DateTime), from.Add(24*time.Hour-time.Second).Format(time.DateTime)))
			require.Equal(t, 50, a.Data.PageSize, "100 is too many")
			require.LessOrEqual(t, len(a.Data.Datas), 50)
			require.Equal(t, (a.Data.DataCount+49)/50, a.Data.PageCount)
			require.Equal(t, index < a.Data.PageCount, a.Data.HasNext)
			for _, r := range a.Data.Datas {
				require.False(t, seen[fmt.Sprint(r["io_id"])])
				seen[fmt.Sprint(r["io_id"])] = true
			}
			if !a.Data.HasNext {
				break
			}
		}
	}
	require.Len(t, seen, c.server.Ledger().Orders())
}

func TestServer_tsCursorGivesEveryOrderOnce(t *testing.T) {
	t.Parallel()
	c := newClient(t, jushuitan.Options{Days: 10})
	seen, ts := map[string]bool{}, json.Number("0")
	for more := true; more; {
		a := c.biz(fmt.Sprintf(`{"page_index":1,"page_size":50,"start_ts":%s,"is_get_total":false}`, ts))
		require.Zero(t, a.Data.DataCount)
		for _, r := range a.Data.Datas {
			before, _ := ts.Int64()
			ts = r["ts"].(json.Number)
			now, _ := ts.Int64()
			require.Greater(t, now, before)
			require.False(t, seen[fmt.Sprint(r["io_id"])])
			seen[fmt.Sprint(r["io_id"])] = true
		}
		more = a.Data.HasNext
	}
	require.Len(t, seen, c.server.Ledger().Orders())
}

func TestServer_gatewaysGiveTheSameOrders(t *testing.T) {
	t.Parallel()
	c := newClient(t, jushuitan.Options{Days: 10})
	one := `{"so_ids":["%s"],"page_size":50}`
	so := c.biz("{" + week + "}").Data.Datas[0]["so_id"]
	a, b := c.biz(fmt.Sprintf(one, so)).Data.Datas[0], c.old(jushuitan.PartnerToken, c.now(), fmt.Sprintf(one, so)).Datas[0]
	require.IsType(t, json.Number(""), a["io_id"])
	require.IsType(t, "", b["io_id"], "the old gateway writes ids as text")
	require.Equal(t, fmt.Sprint(a["io_id"]), b["io_id"])
	require.Equal(t, a["items"], b["items"])
	filtered := c.old(jushuitan.PartnerToken, c.now(), `{"status":"Confirmed","shop_id":"20001","page_size":100,`+week+`}`)
	require.Equal(t, 50, filtered.PageSize)
	require.NotEmpty(t, filtered.Datas)
	for _, r := range filtered.Datas {
		require.Equal(t, "Confirmed", r["status"])
		require.Equal(t, "20001", r["shop_id"])
	}
	for _, r := range c.biz(`{"is_offline_shop":true,"shop_id":0,` + week + `}`).Data.Datas {
		require.Equal(t, json.Number("20003"), r["shop_id"])
	}
}

func TestServer_limitsCallsInHTTP200(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c := newClient(t, jushuitan.Options{Days: 10, PerSecond: 5, PerMinute: 8, Wall: func() time.Time { return now }})
	codes := func(n int) (out []int) {
		for range n {
			out = append(out, c.biz("{"+week+"}").Code)
		}
		return out
	}
	require.Equal(t, []int{0, 0, 0, 0, 199}, codes(5), "the token was the first call")
	now = now.Add(time.Second)
	require.Equal(t, []int{0, 0, 200}, codes(3))
	now = now.Add(time.Minute)
	require.Equal(t, []int{0}, codes(1))
}

func TestServer_faultsAreAnsweredAsTheyComeInReality(t *testing.T) {
	t.Parallel()
	c := newClient(t, jushuitan.Options{Days: 10, Faults: jushuitan.Faults{ThrottleEvery: 4}})
	var codes []int
	for range 7 {
		codes = append(codes, c.biz("{"+week+"}").Code)
	}
	require.Equal(t, []int{0, 0, 199, 0, 0, 0, 200}, codes)
	tokens := newClient(t, jushuitan.Options{Days: 10, Faults: jushuitan.Faults{ThrottleEvery: 2}})
	require.Equal(t, 199, tokens.post(jushuitan.InitPath, nil, jushuitan.AppSecret).Code, "tokens are counted, too")
	broken := newClient(t, jushuitan.Options{Days: 10, Faults: jushuitan.Faults{BrokenEvery: 2}})
	require.Equal(t, http.StatusBadGateway, broken.biz("{"+week+"}").status)
}

// An order that is touched leaves the window, and the first order behind the page is on no page at all.
func TestServer_touchesShiftPages(t *testing.T) {
	t.Parallel()
	c := newClient(t, jushuitan.Options{Days: 10, Faults: jushuitan.Faults{TouchEvery: 1}})
	all := newClient(t, jushuitan.Options{Days: 10}).biz(`{"page_size":50,"page_index":2,` + week + `}`).Data.Datas
	first := c.biz(`{"page_size":50,` + week + `}`)
	second := c.biz(`{"page_size":50,"page_index":2,` + week + `}`)
	require.Equal(t, first.Data.DataCount-1, second.Data.DataCount)
	require.Equal(t, all[1]["io_id"], second.Data.Datas[0]["io_id"], "one was skipped")
	again := c.biz(`{"modified_begin":"2025-09-11 00:00:00","modified_end":"2025-09-11 00:00:00"}`)
	require.Equal(t, first.Data.Datas[0]["io_id"], again.Data.Datas[0]["io_id"])
	require.Equal(t, "改备注", again.Data.Datas[0]["remark"])
}

func TestServer_sameSeedSameBytes(t *testing.T) {
	t.Parallel()
	records := func(o jushuitan.Options) map[int64]json.RawMessage { return jushuitan.New(o).Ledger().Records() }
	require.Equal(t, records(jushuitan.Options{Seed: 7, Days: 12}), records(jushuitan.Options{Seed: 7, Days: 12}))
	require.NotEqual(t, records(jushuitan.Options{Seed: 7, Days: 12}), records(jushuitan.Options{Seed: 8, Days: 12}))
	advanced := jushuitan.New(jushuitan.Options{Days: 9})
	before := advanced.Ledger()
	orders := before.Orders()
	advanced.Advance(3)
	require.Equal(t, jushuitan.New(jushuitan.Options{Days: 12}).Ledger().Records(), advanced.Ledger().Records())
	require.Equal(t, orders, before.Orders(), "a ledger does not change when the server goes on")
}

// The ledger's figures are those of the records, added up the other way round.
func TestLedger_saysWhatTheRecordsSay(t *testing.T) {
	t.Parallel()
	ledger := jushuitan.New(jushuitan.Options{Days: 30}).Ledger()
	want, got := map[string]float64{}, map[string]float64{}
	states := map[string]int{}
	for _, raw := range ledger.Records() {
		var r struct {
			Status, PayDate string
			PayAmount       json.RawMessage `json:"pay_amount"`
			Date            string          `json:"pay_date"`
		}
		require.NoError(t, json.Unmarshal(raw, &r))
		states[r.Status]++
		amount, err := strconv.ParseFloat(strings.Trim(string(r.PayAmount), `"`), 64)
		require.NoError(t, err)
		if r.Status != "Cancelled" {
			want[r.Date[:10]] += amount
		}
	}
	for _, s := range ledger.OrderSummary() {
		got[s.OrderDate] += float64(s.Pay) / 100
	}
	require.InDeltaMapValues(t, want, got, 0.001)
	for _, state := range []string{"WaitConfirm", "Confirmed", "Cancelled", "Archive"} {
		require.Positive(t, states[state], state)
	}
	require.NotEmpty(t, ledger.Differing())
	require.NotEmpty(t, ledger.Hidden())
}
