package feiqiu

import "time"

// goods are what the tenant sells; each hall has them on its own shelf, at its own price.
type goods struct {
	number      int
	name, unit  string
	price, cost Cents
	category    int // number of its second-level category
}

func assortment() []goods {
	return []goods{
		{11, "可乐", "罐", 600, 300, 11},
		{12, "矿泉水", "瓶", 300, 150, 13},
		{13, "红牛", "罐", 850, 400, 12},
		{14, "泡面", "桶", 750, 380, 31},
		{15, "爆米花", "份", 1500, 450, 21},
		{16, "巧粉", "个", 250, 80, 51},
		{17, "香烟", "包", 6500, 5800, 41},
		{18, "啤酒", "瓶", 1280, 700, 15},
	}
}

// item is one of the goods on the shelf of a hall.
type item struct {
	goods
	site    *site
	price   []dated[Cents]
	stock   int64
	sold    int64
	changed time.Time
}

func (g goods) tenantID() int64 { return id(tenantGoodsID, 0, 0, g.number) }

func (i *item) id() int64 { return id(goodsID, i.site.index, 0, i.number) }

func (g goods) categories() (first, second category) {
	for _, top := range categoryTree() {
		for _, c := range top.below {
			if c.number == g.category {
				return top, c
			}
		}
	}
	panic("feiqiu: goods without a category: " + g.name)
}

// category is a node of the tenant's tree, which has two levels.
type category struct {
	number int
	name   string
	below  []category
}

// categoryTree has 26 nodes.
func categoryTree() []category {
	return []category{
		{1, "饮料", []category{{11, "碳酸饮料", nil}, {12, "功能饮料", nil}, {13, "水", nil}, {14, "茶饮", nil}, {15, "啤酒", nil}, {16, "果汁", nil}}},
		{2, "零食", []category{{21, "膨化", nil}, {22, "坚果", nil}, {23, "糖果", nil}, {24, "肉干", nil}}},
		{3, "速食", []category{{31, "泡面", nil}, {32, "自热饭", nil}, {33, "香肠", nil}}},
		{4, "烟草", []category{{41, "香烟", nil}, {42, "电子烟", nil}}},
		{5, "球杆用品", []category{{51, "巧粉", nil}, {52, "皮头", nil}, {53, "手套", nil}}},
		{6, "租赁", nil},
		{7, "器材", []category{{71, "球杆", nil}}},
	}
}

func (c category) id() int64 { return id(categoryID, 0, 0, c.number) }

type categoryRecord struct {
	ID                    int64            `json:"id"`
	TenantID              int64            `json:"tenant_id"`
	Pid                   int64            `json:"pid"`
	CategoryName          string           `json:"category_name"`
	AliasName             string           `json:"alias_name"`
	BusinessName          string           `json:"business_name"`
	TenantGoodsBusinessID int64            `json:"tenant_goods_business_id"`
	OpenSalesman          int              `json:"open_salesman"`
	IsWarehousing         int              `json:"is_warehousing"`
	Sort                  int              `json:"sort"`
	CategoryBoxes         []categoryRecord `json:"categoryBoxes"`
}

// stockGoodsCategoryTree is one record per top-level category, with what is below it inside.
func stockGoodsCategoryTree() stream {
	return stream{
		name: "stock_goods_category_tree",
		path: "/TenantGoodsCategory/QueryPrimarySecondaryCategory",
		list: "goodsCategoryList",
		rows: func(v view) []row {
			var rows []row
			for n, c := range categoryTree() {
				rows = append(rows, row{key: c.id(), raw: encode(c.record(v, 0, n))})
			}
			return rows
		},
	}
}

// record of a category. Every tenth day one of the second level gets another alias in turn, and one at the end of the
// tree is given up on the fifteenth.
func (c category) record(v view, above int64, place int) categoryRecord {
	business, number := "水吧", 1
	if c.number/10 > 3 || above == 0 && c.number > 3 {
		business, number = "零售", 2
	}
	record := categoryRecord{
		ID: c.id(), TenantID: tenantID, Pid: above, CategoryName: c.name, BusinessName: business,
		TenantGoodsBusinessID: id(goodsBusiness, 0, 0, number), OpenSalesman: 2, IsWarehousing: 1, Sort: place,
		CategoryBoxes: []categoryRecord{},
	}
	if above != 0 && c.number%10 <= v.after/10 {
		record.AliasName = c.name + string(rune('A'+v.after/10%26))
	}
	for n, below := range c.below {
		if below.number != givenUp || v.after < 15 {
			record.CategoryBoxes = append(record.CategoryBoxes, below.record(v, c.id(), n))
		}
	}
	return record
}

// givenUp is the category that goes on the fifteenth day.
const givenUp = 42

type tenantGoodsRecord struct {
	ID                    int64  `json:"id"`
	TenantID              int64  `json:"tenant_id"`
	GoodsName             string `json:"goods_name"`
	GoodsNumber           string `json:"goods_number"`
	GoodsCategoryID       int64  `json:"goods_category_id"`
	GoodsSecondCategoryID int64  `json:"goods_second_category_id"`
	CategoryName          string `json:"categoryName"`
	Unit                  string `json:"unit"`
	MarketPrice           Cents  `json:"market_price"`
	CostPrice             Cents  `json:"cost_price"`
	CostPriceType         int    `json:"cost_price_type"`
	GoodsState            int    `json:"goods_state"`
	GoodsBarCode          string `json:"goods_bar_code"`
	SupplierID            int64  `json:"supplier_id"`
	AbleDiscount          int    `json:"able_discount"`
	IsWarehousing         int    `json:"is_warehousing"`
	IsInSite              bool   `json:"isInSite"`
	IsDelete              int    `json:"is_delete"`
	CreateTime            string `json:"create_time"`
	UpdateTime            string `json:"update_time"`
}

// tenantGoodsMaster is the tenant's list: every hall gets the same. Its price follows the first hall's.
func tenantGoodsMaster() stream {
	return stream{
		name: "tenant_goods_master",
		path: "/TenantGoods/QueryTenantGoods",
		list: "tenantGoodsList",
		rows: func(v view) []row {
			var rows []row
			for _, i := range v.sites[0].shelf {
				first, second := i.categories()
				rows = append(rows, row{key: i.tenantID(), raw: encode(tenantGoodsRecord{
					ID: i.tenantID(), TenantID: tenantID, GoodsName: i.name, GoodsNumber: "00" + string(rune('0'+i.number/10)) + string(rune('0'+i.number%10)),
					GoodsCategoryID: first.id(), GoodsSecondCategoryID: second.id(), CategoryName: first.name, Unit: i.unit,
					MarketPrice: at(i.price, v.after), CostPrice: i.cost, CostPriceType: 1, GoodsState: 1, AbleDiscount: 1,
					IsWarehousing: 1, IsInSite: true, CreateTime: wall(v.date(0).AddDate(0, 0, -10)),
					UpdateTime: wall(i.priced(v)),
				})})
			}
			return rows
		},
	}
}

// priced is when the present price was made.
func (i *item) priced(v view) time.Time {
	return v.date(i.price[len(i.price)-1].from - 1).Add(23 * time.Hour)
}

type storeGoodsRecord struct {
	ID                    int64  `json:"id"`
	TenantID              int64  `json:"tenant_id"`
	SiteID                int64  `json:"site_id"`
	SiteName              string `json:"siteName"`
	TenantGoodsID         int64  `json:"tenant_goods_id"`
	GoodsName             string `json:"goods_name"`
	GoodsBarCode          string `json:"goods_bar_code"`
	GoodsCategoryID       int64  `json:"goods_category_id"`
	GoodsSecondCategoryID int64  `json:"goods_second_category_id"`
	OneCategoryName       string `json:"oneCategoryName"`
	TwoCategoryName       string `json:"twoCategoryName"`
	Unit                  string `json:"unit"`
	SalePrice             Cents  `json:"sale_price"`
	CostPrice             Cents  `json:"cost_price"`
	CostPriceType         int    `json:"cost_price_type"`
	Stock                 int64  `json:"stock"`
	StockA                int64  `json:"stock_A"`
	SafeStock             int64  `json:"safe_stock"`
	TotalSales            int64  `json:"total_sales"`
	GoodsState            int    `json:"goods_state"`
	EnableStatus          int    `json:"enable_status"`
	IsDiscountable        int    `json:"is_discountable"`
	IsDelete              int    `json:"is_delete"`
	CreateTime            string `json:"create_time"`
	UpdateTime            string `json:"update_time"`
}

func storeGoodsMaster() stream {
	return stream{
		name: "store_goods_master",
		path: "/TenantGoods/GetGoodsInventoryList",
		list: "orderGoodsList",
		rows: func(v view) []row {
			var rows []row
			for _, s := range v.sites {
				for _, i := range s.shelf {
					rows = append(rows, row{site: s.id, key: i.id(), raw: encode(i.record(v))})
				}
			}
			return rows
		},
	}
}

func (i *item) record(v view) storeGoodsRecord {
	first, second := i.categories()
	return storeGoodsRecord{
		ID: i.id(), TenantID: tenantID, SiteID: i.site.id, SiteName: i.site.name, TenantGoodsID: i.tenantID(), GoodsName: i.name,
		GoodsCategoryID: first.id(), GoodsSecondCategoryID: second.id(), OneCategoryName: first.name, TwoCategoryName: second.name,
		Unit: i.unit, SalePrice: at(i.price, v.after), CostPrice: i.cost, CostPriceType: 1, Stock: i.stock, SafeStock: 10,
		TotalSales: i.sold, GoodsState: 1, EnableStatus: 1, IsDiscountable: 1, CreateTime: wall(v.date(0).AddDate(0, 0, -2)),
		UpdateTime: wall(later(i.priced(v), i.changed)),
	}
}

type saleRecord struct {
	ID              int64  `json:"id"`
	TenantID        int64  `json:"tenant_id"`
	SiteID          int64  `json:"site_id"`
	SiteName        string `json:"siteName"`
	OrderTradeNo    int64  `json:"order_trade_no"`
	OrderSettleID   int64  `json:"order_settle_id"`
	OrderPayID      int64  `json:"order_pay_id"`
	OrderGoodsID    int64  `json:"order_goods_id"`
	SiteGoodsID     int64  `json:"site_goods_id"`
	TenantGoodsID   int64  `json:"tenant_goods_id"`
	SiteTableID     int64  `json:"site_table_id"`
	LedgerName      string `json:"ledger_name"`
	LedgerGroupName string `json:"ledger_group_name"`
	LedgerUnitPrice Cents  `json:"ledger_unit_price"`
	LedgerCount     int64  `json:"ledger_count"`
	LedgerAmount    Cents  `json:"ledger_amount"`
	DiscountPrice   Cents  `json:"discount_price"`
	DiscountMoney   Cents  `json:"discount_money"`
	RealGoodsMoney  Cents  `json:"real_goods_money"`
	CostMoney       Cents  `json:"cost_money"`
	ReturnsNumber   int64  `json:"returns_number"`
	LedgerStatus    int    `json:"ledger_status"`
	IsDelete        int    `json:"is_delete"`
	OperatorName    string `json:"operator_name"`
	CreateTime      string `json:"create_time"`
}

// storeGoodsSalesRecords are corrected in place when goods come back.
func storeGoodsSalesRecords() stream {
	return stream{
		name:    "store_goods_sales_records",
		path:    "/TenantGoods/GetGoodsSalesList",
		former:  "/TenantGoods/GetFormerGoodsSalesList",
		list:    "orderGoodsLedgers",
		events:  true,
		amounts: []string{"ledger_amount", "cost_money"},
		rows: func(v view) []row {
			var rows []row
			for o := range v.shown() {
				for k, g := range o.goods {
					record := o.sale(v, g, k)
					rows = append(rows, row{
						site: o.site.id, at: o.paid, key: g.id, amounts: []Cents{g.amount, record.CostMoney}, raw: encode(record),
					})
				}
			}
			return rows
		},
	}
}

func (o *settlement) sale(v view, g goodsLine, k int) saleRecord {
	first, _ := g.item.categories()
	record := saleRecord{
		ID: g.id, TenantID: tenantID, SiteID: o.site.id, SiteName: o.site.name, OrderTradeNo: o.tradeNo, OrderSettleID: o.id,
		OrderGoodsID: id(orderGoodsID, o.site.index, o.day, o.number*10+k), SiteGoodsID: g.item.id(), TenantGoodsID: g.item.tenantID(),
		SiteTableID: o.tableID(), LedgerName: g.item.name, LedgerGroupName: first.name, LedgerUnitPrice: g.price, LedgerCount: g.count,
		LedgerAmount: g.amount, DiscountPrice: g.price, RealGoodsMoney: g.amount, CostMoney: g.item.cost * Cents(g.count),
		LedgerStatus: 1, OperatorName: cashier, CreateTime: wall(o.paid),
	}
	if v.undone(o) {
		record.ReturnsNumber = g.count
	}
	return record
}
