package jushuitan

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/terrace-elt/terrace/cmd/standin/money"
)

// digits is an integer that the old gateway writes as text.
type digits struct {
	value int64
	text  bool
}

// MarshalJSON writes 7 or "7".
func (d digits) MarshalJSON() ([]byte, error) {
	if d.text {
		return json.Marshal(strconv.FormatInt(d.value, 10))
	}
	return strconv.AppendInt(nil, d.value, 10), nil
}

// amount is money that some rows have as text.
type amount struct {
	money.Cents
	text bool
}

// MarshalJSON writes 1.50 or "1.50".
func (a amount) MarshalJSON() ([]byte, error) {
	if a.text {
		return json.Marshal(a.String())
	}
	return a.Cents.MarshalJSON()
}

type orderRecord struct {
	CoID             int64        `json:"co_id"`
	ShopID           digits       `json:"shop_id"`
	ShopName         string       `json:"shop_name"`
	IOID             digits       `json:"io_id"`
	OID              digits       `json:"o_id"`
	SoID             string       `json:"so_id"`
	Status           string       `json:"status"`
	OrderType        string       `json:"order_type"`
	Created          string       `json:"created"`
	Modified         string       `json:"modified"`
	IODate           string       `json:"io_date"`
	PayDate          string       `json:"pay_date"`
	IsCOD            bool         `json:"is_cod"`
	WmsCoID          digits       `json:"wms_co_id"`
	Warehouse        string       `json:"warehouse"`
	LcID             string       `json:"lc_id"`
	LogisticsCompany string       `json:"logistics_company"`
	LID              string       `json:"l_id"`
	Freight          amount       `json:"freight"`
	Weight           money.Cents  `json:"weight"` // kilograms; two decimals as well
	PayAmount        amount       `json:"pay_amount"`
	PaidAmount       amount       `json:"paid_amount"`
	FreeAmount       amount       `json:"free_amount"`
	Currency         string       `json:"currency"`
	ReceiverState    string       `json:"receiver_state"`
	ReceiverCity     string       `json:"receiver_city"`
	ReceiverName     string       `json:"receiver_name"`
	ReceiverMobile   string       `json:"receiver_mobile"`
	BuyerMessage     string       `json:"buyer_message"`
	Remark           string       `json:"remark"`
	Labels           string       `json:"labels"`
	MergeSoID        string       `json:"merge_so_id"`
	ShopBuyerID      string       `json:"shop_buyer_id"`
	TS               int64        `json:"ts"`
	Items            []itemRecord `json:"items"`
	Batchs           []struct{}   `json:"batchs"`
	Qty              int64        `json:"qty"`
}

type itemRecord struct {
	IoiID           string `json:"ioi_id,omitempty"`
	OiID            string `json:"oi_id"`
	SkuID           string `json:"sku_id"`
	IID             string `json:"i_id"`
	Name            string `json:"name"`
	PropertiesValue string `json:"properties_value"`
	Qty             int64  `json:"qty"`
	SalePrice       amount `json:"sale_price"`
	SaleAmount      amount `json:"sale_amount"`
	BasePrice       amount `json:"base_price"`
	IsGift          bool   `json:"is_gift"`
	CombineSkuID    string `json:"combine_sku_id"`
	RawSoID         string `json:"raw_so_id"`
	Pic             string `json:"pic"`
}

// wall is a time as the upstream writes it; no time is "".
func wall(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(Zone).Format(time.DateTime)
}

func (r row) record(asText bool) orderRecord {
	inText := r.seq%9 == 4 // these rows have their amounts as text
	yuan := func(c money.Cents) amount { return amount{c, inText} }
	number := func(n int64) digits { return digits{n, asText} }
	out := orderRecord{
		CoID: 10001, ShopID: number(r.shop.id), ShopName: r.shop.name, IOID: number(r.io), OID: number(r.o), SoID: r.soID,
		Status: r.status, OrderType: "普通订单", Created: wall(r.created), Modified: wall(r.modified), IODate: wall(r.shipped),
		PayDate: wall(r.paid), WmsCoID: number(r.warehouse.id), Warehouse: r.warehouse.name, LcID: r.carrier.code,
		LogisticsCompany: r.carrier.name, Freight: yuan(r.freight), Weight: money.Cents(r.weight / 10),
		PayAmount: yuan(r.pay()), PaidAmount: yuan(r.pay()), FreeAmount: yuan(r.discount), Currency: "CNY",
		ReceiverState: "浙江省", ReceiverCity: "杭州市", ReceiverName: "陈*", ReceiverMobile: "139****0000", Remark: r.remark,
		Labels: r.labels, ShopBuyerID: fmt.Sprintf("buyer***%02d", r.seq%97), TS: r.ts, Items: []itemRecord{}, Batchs: []struct{}{},
		Qty: r.count(),
	}
	if !r.shipped.IsZero() {
		out.LID = fmt.Sprintf("%s%013d", r.carrier.code, r.io)
	}
	if r.merged != "" {
		out.MergeSoID = r.soID + "," + r.merged
	}
	for _, i := range r.items {
		out.Items = append(out.Items, r.item(i, yuan))
	}
	return out
}

func (r row) item(i item, yuan func(money.Cents) amount) itemRecord {
	out := itemRecord{
		OiID: strconv.FormatInt(r.io*100+int64(i.number)+110_000_000, 10), SkuID: i.sku.id, IID: i.sku.style, Name: i.sku.name,
		PropertiesValue: i.sku.properties, Qty: i.count, SalePrice: yuan(i.price), SaleAmount: yuan(i.amount()),
		BasePrice: yuan(i.sku.list), IsGift: i.sku.gift, RawSoID: r.soID,
	}
	if !i.noID {
		out.IoiID = strconv.FormatInt(r.io*100+int64(i.number), 10)
	}
	if r.merged != "" && i.number == len(r.items) {
		out.RawSoID = r.merged
	}
	return out
}
