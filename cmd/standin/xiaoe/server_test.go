package xiaoe_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/cmd/standin/xiaoe"
)

type client struct {
	t      *testing.T
	server *xiaoe.Server
	url    string
	token  string
}

type answer struct {
	Code int
	Msg  string
	Data struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
		Total       *int
		RowCount    *int `json:"row_count"`
		List        []map[string]any
	}
}

func newClient(t *testing.T, o xiaoe.Options) *client {
	t.Helper()
	server := xiaoe.New(o)
	web := httptest.NewServer(server.Handler())
	t.Cleanup(web.Close)
	c := &client{t: t, server: server, url: web.URL}
	c.token = c.fetch(xiaoe.SecretKey).Data.AccessToken
	return c
}

func (c *client) do(method, path, body string) answer {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, strings.NewReader(body))
	require.NoError(c.t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(c.t, err)
	defer resp.Body.Close()
	require.Equal(c.t, http.StatusOK, resp.StatusCode, "business errors come with status 200")
	raw, err := io.ReadAll(resp.Body)
	require.NoError(c.t, err)
	var a answer
	require.NoError(c.t, json.Unmarshal(raw, &a), "%s", raw)
	return a
}

func (c *client) fetch(secret string) answer {
	return c.do(http.MethodGet, fmt.Sprintf("%s?app_id=%s&client_id=%s&secret_key=%s&grant_type=client_credential",
		xiaoe.TokenPath, xiaoe.AppID, xiaoe.ClientID, secret), "")
}

// call adds the token to the members of a body.
func (c *client) call(path, members string) answer {
	c.t.Helper()
	return c.do(http.MethodPost, path, fmt.Sprintf(`{"access_token":%q%s}`, c.token, members))
}

func week(n int) string {
	begin := time.Date(2025, 9, 1+7*n, 0, 0, 0, 0, xiaoe.Zone).Unix()
	return fmt.Sprintf(`,"begin_time":%d,"end_time":"%d"`, begin, begin+7*86400-1)
}

func TestServer_givesTokensAndTakesThem(t *testing.T) {
	t.Parallel()
	c := newClient(t, xiaoe.Options{Days: 10})
	require.Equal(t, 7200, c.fetch(xiaoe.SecretKey).Data.ExpiresIn)
	require.Equal(t, 2004, c.fetch("other").Code)
	body := fmt.Sprintf(`{"app_id":%q,"client_id":%q,"secret_key":%q,"grant_type":"client_credential"}`, xiaoe.AppID, xiaoe.ClientID, xiaoe.SecretKey)
	require.Equal(t, c.token, c.do(http.MethodGet, xiaoe.TokenPath, body).Data.AccessToken, "a body on a GET, and the same token")
	require.Zero(t, c.call(xiaoe.OrdersPath, week(0)).Code)
	require.Equal(t, 2007, c.do(http.MethodPost, xiaoe.OrdersPath, "{}").Code)
	require.Equal(t, 2055, c.do(http.MethodGet, xiaoe.OrdersPath, "").Code)
	require.Equal(t, 2052, c.do(http.MethodPost, "/xe.nothing", "{}").Code)
	c.server.Advance(1)
	require.Equal(t, 2008, c.call(xiaoe.OrdersPath, week(0)).Code, "a token lives two hours")
}

func TestServer_faultsHaveTheirCodes(t *testing.T) {
	t.Parallel()
	codes := func(f xiaoe.Faults) (out []int) {
		c := newClient(t, xiaoe.Options{Days: 3, Faults: f})
		for range 4 {
			out = append(out, c.call(xiaoe.OrdersPath, week(0)).Code)
		}
		return out
	}
	require.Equal(t, []int{2053, 0, 2054, 0}, codes(xiaoe.Faults{ThrottleEvery: 2}), "the token was the first call")
	require.Equal(t, []int{0, 1001, 0, 0}, codes(xiaoe.Faults{BusyEvery: 3}))
	require.Equal(t, []int{0, 2008, 2008, 2008}, codes(xiaoe.Faults{ForgetEvery: 3}))

	c := newClient(t, xiaoe.Options{Days: 3, Faults: xiaoe.Faults{ThrottleEvery: 2}})
	require.Equal(t, []int{2053, 0}, []int{c.fetch(xiaoe.SecretKey).Code, c.fetch(xiaoe.SecretKey).Code}, "tokens are counted, too")
}

func TestServer_windowsOfSevenDaysGiveEveryOrderOnce(t *testing.T) {
	t.Parallel()
	c := newClient(t, xiaoe.Options{Days: 21})
	seen := map[string]bool{}
	for n := range 3 {
		for page := 1; ; page++ {
			a := c.call(xiaoe.OrdersPath, week(n)+fmt.Sprintf(`,"page_index":"%d","page_size":500`, page))
			require.LessOrEqual(t, len(a.Data.List), 200)
			for _, r := range a.Data.List {
				require.False(t, seen[r["order_id"].(string)])
				seen[r["order_id"].(string)] = true
			}
			if page*200 >= *a.Data.Total {
				break
			}
		}
	}
	require.Len(t, seen, c.server.Ledger().Orders())
	nested := c.call(xiaoe.OrdersPath, `,"begin_time":1,"data":{`+week(0)[1:]+`}`)
	require.Zero(t, nested.Code, "what stands in data wins")
	begin := time.Date(2025, 9, 1, 0, 0, 0, 0, xiaoe.Zone).Unix()
	require.Equal(t, 1, c.call(xiaoe.OrdersPath, fmt.Sprintf(`,"begin_time":%d,"end_time":%d`, begin, begin+604801)).Code)
}

func TestServer_usersFollowTheirCursorToAnEmptyList(t *testing.T) {
	t.Parallel()
	c := newClient(t, xiaoe.Options{Days: 5})
	seen, skip := map[string]bool{}, `""`
	for {
		a := c.call(xiaoe.UsersPath, `,"page_size":80,"es_skip":`+skip)
		require.LessOrEqual(t, len(a.Data.List), 50)
		if len(a.Data.List) == 0 {
			break
		}
		for _, r := range a.Data.List {
			seen[r["user_id"].(string)] = true
		}
		raw, err := json.Marshal(a.Data.List[len(a.Data.List)-1]["es_skip"])
		require.NoError(t, err)
		skip = string(raw)
	}
	require.Len(t, seen, c.server.Ledger().Users())
}

func TestServer_otherListsHaveTheirOddities(t *testing.T) {
	t.Parallel()
	c := newClient(t, xiaoe.Options{Days: 50})
	refunds := c.call(xiaoe.RefundsPath, `,"data":{"page_index":1,"page_size":100,"updated_at_start":"2025-09-01 00:00:00","updated_at_end":"2025-10-20 23:59:59"}`)
	require.Len(t, refunds.Data.List, 50)
	require.Nil(t, refunds.Data.Total)
	require.Equal(t, c.server.Ledger().Refunds(), *refunds.Data.RowCount)
	require.Equal(t, "-0001-11-30 00:00:00", refunds.Data.List[0]["state_invalid_time"])
	goods := c.call(xiaoe.ProductsPath, `,"page":1,"page_size":500`).Data
	require.Len(t, goods.List, *goods.Total)
	require.EqualValues(t, 1, goods.List[len(goods.List)-1]["is_deleted"])
	require.Equal(t, "0000-00-00 00:00:00", goods.List[0]["updated_at"])
	tips := map[string]bool{}
	for _, l := range c.call(xiaoe.LivesPath, `,"page":1,"page_size":50`).Data.List {
		tips[fmt.Sprintf("%T", l["reward_sum"])] = true
	}
	require.Equal(t, map[string]bool{"string": true, "float64": true}, tips)
	kinds := map[string]bool{}
	for _, r := range c.call(xiaoe.OrdersPath, week(0)).Data.List {
		kinds[fmt.Sprintf("%T %T", r["coupon_price"], r["refund_money"])] = true
		require.IsType(t, "", r["price"])
	}
	require.Len(t, kinds, 3, "fen as numbers, as digits, and nothing: %v", kinds)
}

// A refund changes the order in the window of its creation, whose time does not move.
func TestAdvance_refundsShowInOldWindowsOnly(t *testing.T) {
	t.Parallel()
	s := xiaoe.New(xiaoe.Options{Days: 30})
	before, then := s.Ledger().OrderRecords(), s.Now()
	s.Advance(1)
	after := s.Ledger().OrderRecords()
	type times struct {
		Created string `json:"created_time"`
		Refund  string `json:"refund_time"`
	}
	late := 0
	for id, raw := range before {
		var was, is times
		require.NoError(t, json.Unmarshal(raw, &was))
		require.NoError(t, json.Unmarshal(after[id], &is))
		require.Equal(t, was.Created, is.Created)
		if was.Refund != is.Refund && is.Created < then.AddDate(0, 0, -7).Format(time.DateTime) {
			late++
		}
	}
	require.Positive(t, late)
	require.Equal(t, xiaoe.New(xiaoe.Options{Days: 31}).Ledger().OrderRecords(), after, "the same as of a server that started later")
}

// The borders that the stand-in brings every day.
func TestLedger_benefitsKnowTheirBorders(t *testing.T) {
	t.Parallel()
	cancelled := map[string]int{}
	for _, b := range xiaoe.New(xiaoe.Options{Days: 30}).Ledger().Benefits() {
		for _, n := range []string{"00000000", "00000001", "00000002", "00000003"} {
			if strings.HasSuffix(b.OrderID, n) && !b.Cancelled.IsZero() {
				cancelled[n]++
			}
		}
	}
	require.Equal(t, map[string]int{"00000000": 23, "00000001": 16}, cancelled, "day 7 and exactly 14 days; not a second more, not day 15")
}
