package main

import (
	"fmt"
	"strings"

	"github.com/terrace-elt/terrace/cmd/standin/feiqiu"
)

// feiqiuDemo is a chain of billiards halls.
func feiqiuDemo() demoDomain {
	return demoDomain{
		name:  "feiqiu",
		later: "new orders, changed members, late and corrected settlements, refunds",
		start: func(days int, _ string) (standin, error) {
			server := feiqiu.New(feiqiu.Options{Days: days, Sites: 2, Orders: 12})
			halls := strings.Trim(fmt.Sprint(server.Sites()), "[]")
			return standin{
				handler: server.Handler(),
				env: func(url string) map[string]string {
					return map[string]string{"FEIQIU_URL": url, "FEIQIU_TOKEN": feiqiu.DefaultToken, "FEIQIU_SITES": halls}
				},
			}, nil
		},
		shows: []shownQuery{
			{"The last days of feiqiu_dws.order_summary", `select business_date, order_count, member_order_count, consume_amount, coupon_amount, balance_amount, pay_amount,
    refund_amount, net_pay_amount
from (select * from feiqiu_dws.order_summary order by business_date desc limit 4) as newest
order by business_date`},
			{"A member who changed, in feiqiu_dwd.dim_member", `select member_id, nickname, grade_name, valid_from, valid_to, is_current
from feiqiu_dwd.dim_member
where member_id = (select m.member_id from feiqiu_dwd.dim_member as m group by m.member_id order by count(*) desc, m.member_id limit 1)
order by valid_from`},
		},
	}
}
