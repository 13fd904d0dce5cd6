package main

import "github.com/terrace-elt/terrace/cmd/standin/xiaoe"

// xiaoeDemo is a shop for courses.
func xiaoeDemo() demoDomain {
	return demoDomain{
		name:  "xiaoe",
		later: "new orders and users, payments, refunds of orders that are up to thirty days old",
		start: func(days int, _ string) (standin, error) {
			return standin{
				handler: xiaoe.New(xiaoe.Options{Days: days}).Handler(),
				env: func(url string) map[string]string {
					return map[string]string{
						"XIAOE_URL": url, "XIAOE_APP_ID": xiaoe.AppID, "XIAOE_CLIENT_ID": xiaoe.ClientID, "XIAOE_SECRET_KEY": xiaoe.SecretKey,
						"XIAOE_CALLS_PER_SECOND": "1000",
					}
				},
			}, nil
		},
		shows: []shownQuery{
			{"The last days of xiaoe_ads.daily_overview", `select business_date, order_count, pay_amount, refund_amount, net_amount, granted_count, cancelled_count
from (select * from xiaoe_ads.daily_overview order by business_date desc limit 4) as newest
order by business_date`},
			{"Benefits that were lost last, in xiaoe_ads.benefit_to_cancel", `select order_id, granted_at, cancelled_at, days_after
from xiaoe_ads.benefit_to_cancel
order by cancelled_at desc, order_id
limit 4`},
		},
	}
}
