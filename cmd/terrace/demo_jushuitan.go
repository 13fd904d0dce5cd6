package main

import "github.com/terrace-elt/terrace/cmd/standin/jushuitan"

// jushuitanDemo is a merchant who ships online orders.
func jushuitanDemo() demoDomain {
	return demoDomain{
		name:  "jushuitan",
		later: "new orders, parcels that left, orders cancelled before and after that, corrected prices",
		start: func(days int, _ string) (standin, error) {
			return standin{
				// The limits of a contract would make sixty days take a minute.
				handler: jushuitan.New(jushuitan.Options{Days: days, PerSecond: -1, PerMinute: -1}).Handler(),
				env: func(url string) map[string]string {
					return map[string]string{
						"JUSHUITAN_URL": url, "JUSHUITAN_OLD_URL": url,
						"JUSHUITAN_SETTLE":           "PT0S",
						"JUSHUITAN_CALLS_PER_SECOND": "1000", "JUSHUITAN_CALLS_PER_MINUTE": "60000",
						"JUSHUITAN_APP_KEY": jushuitan.AppKey, "JUSHUITAN_APP_SECRET": jushuitan.AppSecret,
						"JUSHUITAN_REFRESH_TOKEN": jushuitan.RefreshToken,
						"JUSHUITAN_PARTNER_ID":    jushuitan.PartnerID, "JUSHUITAN_PARTNER_KEY": jushuitan.PartnerKey,
						"JUSHUITAN_PARTNER_TOKEN": jushuitan.PartnerToken,
					}
				},
			}, nil
		},
		shows: []shownQuery{
			{"The last days of jushuitan_ads.daily_sales", `select *
from (select * from jushuitan_ads.daily_sales order by order_date desc limit 4) as newest
order by order_date`},
			{"An order that was called back, in jushuitan_dwd.out_order_history", `select io_id, status, pay_amount, valid_from, valid_to, is_current
from jushuitan_dwd.out_order_history
where io_id = (
    select h.io_id
    from jushuitan_dwd.out_order_history as h
    where h.status = 'cancelled'
    order by (select count(*) from jushuitan_dwd.out_order_history as v where v.io_id = h.io_id) desc, h.io_id
    limit 1
)
order by valid_from`},
		},
	}
}
