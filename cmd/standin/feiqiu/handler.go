package feiqiu

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"
)

const (
	defaultLimit = 100
	maxLimit     = 200
)

// reply is what goes back to the client.
type reply struct {
	status int
	header map[string]string
	body   []byte
	rows   int
}

// refusal is an answer without data: the upstream says with HTTP 200 that the input is bad, and by the status what
// else is wrong.
type refusal struct {
	status, code int
	msg          string
}

func badInput(msg string) *refusal { return &refusal{http.StatusOK, 1, msg} }

func (f refusal) reply() reply {
	return reply{status: f.status, body: encode(struct {
		Code int    `json:"code"`
		Msg  string `json:"msg"`
		Data any    `json:"data"`
	}{f.code, f.msg, nil})}
}

func answer(w http.ResponseWriter, a reply) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // a client that is gone is no concern of the server's
}

func (s *Server) endpoint(st stream, former bool) http.Handler {
	path := st.path
	if former {
		path = st.former
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		count, asked := s.countRequest(path)
		a, faulty := s.options.Faults.answer(count)
		if !faulty {
			a = s.serve(st, former, asked, r)
		}
		s.countAnswer(path, a)
		answer(w, a)
	})
}

func (s *Server) serve(st stream, former bool, asked int, r *http.Request) reply {
	if r.Method != http.MethodPost {
		return refusal{http.StatusMethodNotAllowed, http.StatusMethodNotAllowed, "请求方法不支持"}.reply()
	}
	if r.Header.Get("Authorization") != "Bearer "+s.options.Token {
		return refusal{http.StatusUnauthorized, http.StatusUnauthorized, "登录已过期,请重新登录"}.reply()
	}
	var q query
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		return badInput("请求体不是有效的JSON").reply()
	}
	if st.single {
		return s.ticketReply(st, q)
	}
	return s.page(st, former, asked, q)
}

// query is the body of every request. Numbers may come as digits in a string.
type query struct {
	SiteID        number `json:"siteId"`
	OrderSettleID number `json:"orderSettleId"`
	Page          number `json:"page"`
	Limit         number `json:"limit"`
	StartTime     string `json:"startTime"`
	EndTime       string `json:"endTime"`
}

type number int64

// UnmarshalJSON reads 7 and "7".
func (n *number) UnmarshalJSON(raw []byte) error {
	v, err := strconv.ParseInt(string(bytes.Trim(raw, `"`)), 10, 64)
	*n = number(v)
	return err
}

func (s *Server) ticketReply(st stream, q query) reply {
	record, ok := s.holding().content(st).byKey[int64(q.OrderSettleID)]
	if !ok || (q.SiteID != 0 && record.site != int64(q.SiteID)) {
		return badInput("结账单不存在").reply()
	}
	return reply{status: http.StatusOK, body: envelope(record.raw), rows: 1}
}

func (s *Server) page(st stream, former bool, asked int, q query) reply {
	if !slices.Contains(s.Sites(), int64(q.SiteID)) {
		return badInput("门店不存在").reply()
	}
	page, limit := int(cmp.Or(q.Page, 1)), int(cmp.Or(q.Limit, defaultLimit))
	if page < 1 || limit < 1 {
		return badInput("分页参数错误").reply()
	}
	limit = min(limit, maxLimit)
	now := s.holding()
	if st.report != nil {
		return s.report(st, now, q)
	}
	rows := now.content(st).bySite[int64(q.SiteID)]
	if st.events {
		start, end, bad := q.window()
		if bad != nil {
			return bad.reply()
		}
		border := now.now().AddDate(0, -FormerAfterMonths, 0)
		if former {
			end = earlier(end, border)
		} else {
			start = later(start, border)
		}
		rows = s.options.Faults.withhold(between(rows, start, end), asked)
	}
	from := min((page-1)*limit, len(rows))
	part := rows[from:min(from+limit, len(rows))]
	return reply{status: http.StatusOK, body: list(st.list, part, len(rows)), rows: len(part)}
}

// report answers for the stretch that is asked for, all in one page.
func (s *Server) report(st stream, now *holding, q query) reply {
	start, end, bad := q.window()
	if bad != nil {
		return bad.reply()
	}
	var rows []row
	for _, of := range now.sites {
		if of.id == int64(q.SiteID) {
			rows = st.report(now.view, of, start, end)
		}
	}
	return reply{status: http.StatusOK, body: list(st.list, rows, len(rows)), rows: len(rows)}
}

// window is [startTime, endTime), which event streams require.
func (q query) window() (start, end time.Time, bad *refusal) {
	start, err := time.ParseInLocation(layout, q.StartTime, Zone)
	if err != nil {
		return start, end, badInput("开始时间格式错误")
	}
	end, err = time.ParseInLocation(layout, q.EndTime, Zone)
	if err != nil {
		return start, end, badInput("结束时间格式错误")
	}
	if start.After(end) {
		return start, end, badInput("开始时间不能大于结束时间")
	}
	return start, end, nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func envelope(data []byte) []byte {
	return slices.Concat([]byte(`{"code":0,"msg":"success","data":`), data, []byte("}"))
}

// list is the envelope around some rows. Where the array has no name, it is data itself and total stands beside it.
func list(name string, rows []row, total int) []byte {
	raws := make([][]byte, len(rows))
	for i, r := range rows {
		raws[i] = r.raw
	}
	array := slices.Concat([]byte("["), bytes.Join(raws, []byte(",")), []byte("]"))
	count := strconv.Itoa(total)
	if name != "" {
		return envelope(slices.Concat([]byte(`{"total":`+count+`,"`+name+`":`), array, []byte("}")))
	}
	return envelope(slices.Concat(array, []byte(`,"total":`+count)))
}
