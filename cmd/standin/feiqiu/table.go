package feiqiu

import (
	"fmt"
	"time"
)

// table is a billiards table. Its price changes rarely, its use all the time.
type table struct {
	id      int64
	number  int
	name    string
	area    area
	site    *site
	price   []dated[Cents]
	use     []dated[tableUse]
	created time.Time
}

// tableUse is what a table is doing, and for which order.
type tableUse struct {
	status int
	order  int64
}

type area struct {
	number int
	name   string
	prefix string
	price  Cents
}

func areas() []area {
	return []area{{1, "A区", "A", 6800}, {2, "斯诺克区", "S", 8800}, {3, "包厢", "V", 12800}}
}

// The table_status codes.
const (
	tableFree = iota + 1
	tableInUse
	tablePaused
	tableLocked
)

func newTables(s *site, count int) []*table {
	tables := make([]*table, count)
	for n := range tables {
		// Half of the tables are in the first area, where it is cheapest.
		a := areas()[[]int{0, 1, 0, 2}[n%4]]
		tables[n] = &table{
			id: id(tableID, s.index, 0, n+1), number: n + 1, name: fmt.Sprintf("%s%d", a.prefix, n+1), area: a, site: s,
			price:   []dated[Cents]{{value: a.price}},
			use:     []dated[tableUse]{{value: tableUse{status: tableFree}}},
			created: time.Date(2025, time.June, 30, 12, 0, 0, 0, Zone),
		}
	}
	return tables
}

// changeTables moves the status of two tables, and every fifteenth day the price of one.
func (w *world) changeTables(s *site, day int) {
	r := w.random(furniture, s, day)
	for range 2 {
		t := pick(r, s.tables)
		use := tableUse{status: at(t.use, day+1).status%tableLocked + 1}
		if use.status == tableInUse {
			use.order = id(orderID, s.index, day, 90000+t.number)
		}
		t.use = append(t.use, dated[tableUse]{from: day + 1, value: use})
	}
	if day%15 == 7 {
		t := pick(r, s.tables)
		t.price = append(t.price, dated[Cents]{from: day + 1, value: at(t.price, day) + 800})
	}
}

type tableRecord struct {
	ID                  int64  `json:"id"`
	TenantID            int64  `json:"tenant_id"`
	SiteID              int64  `json:"site_id"`
	SiteName            string `json:"siteName"`
	TableName           string `json:"table_name"`
	AreaID              int64  `json:"site_table_area_id"`
	AreaName            string `json:"areaName"`
	TablePrice          Cents  `json:"table_price"`
	TableStatus         int    `json:"table_status"`
	TableStatusName     string `json:"tableStatusName"`
	LightStatus         int    `json:"light_status"`
	IsOnlineReservation int    `json:"is_online_reservation"`
	VirtualTable        int    `json:"virtual_table"`
	ChargeFree          int    `json:"charge_free"`
	OrderID             int64  `json:"order_id"`
	QRCodeID            int64  `json:"sitetable_qrcode_id"`
	AuditStatus         int    `json:"audit_status"`
	IsDelete            int    `json:"is_delete"`
	CreateTime          string `json:"create_time"`
}

func siteTablesMaster() stream {
	return stream{
		name: "site_tables_master",
		path: "/Table/GetSiteTables",
		list: "siteTables",
		rows: func(v view) []row {
			var rows []row
			for _, s := range v.sites {
				for _, t := range s.tables {
					rows = append(rows, row{site: s.id, key: t.id, raw: encode(t.record(v))})
				}
			}
			return rows
		},
	}
}

func (t *table) record(v view) tableRecord {
	use := at(t.use, v.after)
	return tableRecord{
		ID: t.id, TenantID: tenantID, SiteID: t.site.id, SiteName: t.site.name, TableName: t.name,
		AreaID: t.areaID(), AreaName: t.area.name, TablePrice: at(t.price, v.after),
		TableStatus: use.status, TableStatusName: []string{"空闲中", "使用中", "暂停中", "锁定"}[use.status-1],
		LightStatus: yesNo(use.status == tableInUse), IsOnlineReservation: yesNo(t.area.number == 3), OrderID: use.order,
		QRCodeID: id(qrCodeID, t.site.index, 0, t.number), AuditStatus: 2, CreateTime: wall(t.created),
	}
}

func (t *table) areaID() int64 { return id(areaID, t.site.index, 0, t.area.number) }
