package jushuitan

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"time"
)

const (
	defaultPage = 30
	maxPage     = 50
	maxNumbers  = 20
	maxWindow   = 7 * 24 * time.Hour
)

// query is the business part of a request.
type query struct {
	PageIndex     number   `json:"page_index"`
	PageSize      number   `json:"page_size"`
	ModifiedBegin string   `json:"modified_begin"`
	ModifiedEnd   string   `json:"modified_end"`
	SoIDs         []string `json:"so_ids"`
	OIDs          []number `json:"o_ids"`
	ShopID        number   `json:"shop_id"`
	IsOfflineShop flag     `json:"is_offline_shop"`
	Status        string   `json:"status"`
	StartTS       *number  `json:"start_ts"`
	IsGetTotal    *bool    `json:"is_get_total"`
}

// number reads 7, "7", and "" and null, which are 0.
type number int64

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

// flag reads true, "true" and "".
type flag bool

func (f *flag) UnmarshalJSON(raw []byte) error {
	*f = string(bytes.Trim(raw, `"`)) == "true"
	return nil
}

// find gives the rows of the page that a request asks for.
func (s *Server) find(biz []byte) (page, []row, *reply) {
	q := query{PageIndex: 1, PageSize: defaultPage}
	if err := json.Unmarshal(biz, &q); err != nil {
		return badParameter("参数转换失败")
	}
	now := s.holding()
	switch {
	case q.PageIndex < 1 || q.PageSize < 1:
		return badParameter("参数错误:page_index")
	case q.PageSize > maxPage && s.options.StrictPages:
		return badParameter("参数错误:page_size 最大为50")
	case len(q.SoIDs) > maxNumbers:
		return badParameter("参数错误:so_ids 最多20个")
	case q.StartTS != nil:
		return s.after(now, q)
	}
	q.PageSize = min(q.PageSize, maxPage)
	rows, refused := q.window(now)
	if refused != nil {
		return page{}, nil, refused
	}
	rows = q.filter(rows)
	p, part := q.cut(rows)
	if p.HasNext && len(part) > 0 && s.touches() {
		s.touch(part[0].io)
	}
	return p, part, nil
}

func badParameter(msg string) (page, []row, *reply) {
	a := refuse(codeParameter, msg)
	return page{}, nil, &a
}

// touches says, for every page of a window that has another one behind it, whether somebody changes an order now.
func (s *Server) touches() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pages++
	every := s.options.Faults.TouchEvery
	return every > 0 && s.pages%every == 0
}

// after reads by the ts cursor: rows with a greater one, by it. There is but one page, and no total unless it is asked
// for.
func (s *Server) after(now *holding, q query) (page, []row, *reply) {
	switch {
	case q.ModifiedBegin != "" || q.ModifiedEnd != "":
		return badParameter("参数错误:start_ts 不能与修改时间同时使用")
	case q.PageIndex != 1:
		return badParameter("参数错误:使用 start_ts 时 page_index 固定为1")
	}
	q.PageSize = min(q.PageSize, maxPage)
	from, _ := slices.BinarySearchFunc(now.byTS, int64(*q.StartTS)+1, func(r row, ts int64) int { return int(r.ts - ts) })
	p, rows := q.cut(q.filter(now.byTS[from:]))
	if q.IsGetTotal != nil && !*q.IsGetTotal {
		p.PageCount, p.DataCount = 0, 0
	}
	return p, rows, nil
}

// window is what was modified from modified_begin to modified_end, both included, by that time. A request by numbers
// needs no window.
func (q query) window(now *holding) ([]row, *reply) {
	no := func(msg string) ([]row, *reply) {
		a := refuse(codeParameter, msg)
		return nil, &a
	}
	if q.ModifiedBegin == "" && q.ModifiedEnd == "" {
		if len(q.SoIDs) == 0 && len(q.OIDs) == 0 {
			return no("参数错误:modified_begin 与 so_ids 不能同时为空")
		}
		return now.byModified, nil
	}
	begin, err := time.ParseInLocation(time.DateTime, q.ModifiedBegin, Zone)
	if err != nil {
		return no("参数转换失败:modified_begin")
	}
	end, err := time.ParseInLocation(time.DateTime, q.ModifiedEnd, Zone)
	switch {
	case err != nil:
		return no("参数转换失败:modified_end")
	case begin.After(end):
		return no("参数错误:modified_begin 大于 modified_end")
	case end.Sub(begin) > maxWindow:
		return no("参数错误:modified_begin 与 modified_end 间隔不能超过7天")
	}
	first := func(t time.Time) int {
		i, _ := slices.BinarySearchFunc(now.byModified, t, func(r row, t time.Time) int {
			if r.modified.Before(t) {
				return -1
			}
			return 1
		})
		return i
	}
	return now.byModified[first(begin):first(end.Add(time.Second))], nil
}

func (q query) filter(rows []row) []row {
	var kept []row
	for _, r := range rows {
		switch {
		case q.Status != "" && r.status != q.Status,
			q.ShopID != 0 && r.shop.id != int64(q.ShopID),
			bool(q.IsOfflineShop) && !r.shop.offline,
			len(q.SoIDs) > 0 && !slices.Contains(q.SoIDs, r.soID),
			len(q.OIDs) > 0 && !slices.Contains(q.OIDs, number(r.o)):
		default:
			kept = append(kept, r)
		}
	}
	return kept
}

func (q query) cut(rows []row) (page, []row) {
	index, size := int(q.PageIndex), int(q.PageSize)
	from := min((index-1)*size, len(rows))
	to := min(from+size, len(rows))
	return page{
		PageIndex: index, PageSize: size, PageCount: (len(rows) + size - 1) / size, DataCount: len(rows),
		HasNext: to < len(rows),
	}, rows[from:to]
}
