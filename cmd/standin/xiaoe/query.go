package xiaoe

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"time"
)

const maxSpan = 7 * 24 * time.Hour

// query is the body of every business call. Numbers may come as digits in a string.
type query struct {
	AccessToken    string          `json:"access_token"`
	Data           json.RawMessage `json:"data"`
	OrderBy        string          `json:"order_by"`
	PageIndex      number          `json:"page_index"`
	Page           number          `json:"page"`
	PageSize       number          `json:"page_size"`
	BeginTime      number          `json:"begin_time"`
	EndTime        number          `json:"end_time"`
	OrderID        string          `json:"order_id"`
	OrderState     *number         `json:"order_state"`
	UpdatedAtStart string          `json:"updated_at_start"`
	UpdatedAtEnd   string          `json:"updated_at_end"`
	EsSkip         json.RawMessage `json:"es_skip"`
}

type number int64

// UnmarshalJSON reads 7, "7" and "".
func (n *number) UnmarshalJSON(raw []byte) error {
	text := string(bytes.Trim(raw, `"`))
	if text == "" || text == "null" {
		*n = 0
		return nil
	}
	v, err := strconv.ParseInt(text, 10, 64)
	*n = number(v)
	return err
}

// cut is a page of rows, and how many there are. A page size out of bounds becomes the largest.
func cut[T any](rows []T, index, size number, usual, most int) []T {
	if size < 1 {
		size = number(usual)
	}
	size = min(size, number(most))
	from := min((max(int(index), 1)-1)*int(size), len(rows))
	return rows[from:min(from+int(size), len(rows))]
}

type listed struct {
	List  any `json:"list"`
	Total int `json:"total"`
}

// orders are those created in a window of at most seven days, both ends included.
func orders(h *holding, q query) reply {
	end := h.now
	if q.EndTime != 0 {
		end = time.Unix(int64(q.EndTime), 0)
	}
	begin := end.Add(-24 * time.Hour)
	if q.BeginTime != 0 {
		begin = time.Unix(int64(q.BeginTime), 0)
	}
	switch {
	case end.Sub(begin) > maxSpan:
		return refuse(1, "时间跨度不能超过7天")
	case q.OrderBy != "" && q.OrderBy != "created_at:asc" && q.OrderBy != "created_at:desc":
		return refuse(1, "order_by 参数错误")
	}
	var found []*order
	for _, o := range h.orders {
		if o.created.Before(begin) || o.created.After(end) || q.OrderID != "" && o.id != q.OrderID ||
			q.OrderState != nil && h.state(o).order != int(*q.OrderState) {
			continue
		}
		found = append(found, o)
	}
	if q.OrderBy == "created_at:desc" {
		slices.Reverse(found)
	}
	records := []orderRecord{}
	for _, o := range cut(found, q.PageIndex, q.PageSize, 200, 200) {
		records = append(records, h.orderRecord(o))
	}
	return reply{Msg: "success", Data: listed{records, len(found)}, rows: len(records)}
}

// refunds are the after-sales that changed in a window. Their total has another name.
func refunds(h *holding, q query) reply {
	begin, end := time.Time{}, h.now
	var err error
	if q.UpdatedAtStart != "" {
		if begin, err = time.ParseInLocation(time.DateTime, q.UpdatedAtStart, Zone); err != nil {
			return refuse(1, "updated_at_start 参数错误")
		}
	}
	if q.UpdatedAtEnd != "" {
		if end, err = time.ParseInLocation(time.DateTime, q.UpdatedAtEnd, Zone); err != nil {
			return refuse(1, "updated_at_end 参数错误")
		}
	}
	var found []*aftersale
	for _, a := range h.sales {
		if at := h.claim(a).at; !at.Before(begin) && !at.After(end) {
			found = append(found, a)
		}
	}
	records := []aftersaleRecord{}
	for _, a := range cut(found, q.PageIndex, q.PageSize, 50, 50) {
		records = append(records, h.aftersaleRecord(a))
	}
	return reply{Msg: "操作成功", rows: len(records), Data: struct {
		List     any `json:"list"`
		RowCount int `json:"row_count"`
	}{records, len(found)}}
}

// users come in the order in which they joined, from the one after es_skip on.
func users(h *holding, q query) reply {
	from := 0
	var after esSkip
	if len(q.EsSkip) > 0 && json.Unmarshal(q.EsSkip, &after) == nil && after.ID != "" {
		from = 1 + slices.IndexFunc(h.users, func(u *user) bool { return u.id == after.ID })
		if from == 0 {
			return refuse(1, "es_skip 参数错误")
		}
	}
	records := []userRecord{}
	for _, u := range cut(h.users[from:], 1, q.PageSize, 10, 50) {
		records = append(records, h.userRecord(u))
	}
	return reply{Msg: "ok", Data: listed{records, len(h.users)}, rows: len(records)}
}

// goods are given at most a hundred to a page, deleted ones included.
func goods(h *holding, q query) reply {
	records := []productRecord{}
	for _, p := range cut(h.products, q.Page, q.PageSize, 10, 100) {
		records = append(records, h.productRecord(p))
	}
	return reply{Msg: "success", rows: len(records), Data: struct {
		CurrentPage int `json:"current_page"`
		listed
	}{max(int(q.Page), 1), listed{records, len(h.products)}}}
}

func lives(h *holding, q query) reply {
	all := h.lives()
	page := cut(all, q.Page, q.PageSize, 10, 50)
	return reply{Msg: "ok", Data: listed{page, len(all)}, rows: len(page)}
}
