-- kind: view
-- depends_on:
--   - xiaoe_dws.benefit_summary
--   - xiaoe_dws.order_refund_summary
--   - xiaoe_dws.order_summary
-- description: The figures that an owner looks at first, day by day, in yuan.
-- columns:
--   business_date: {description: Day in Asia/Shanghai}
--   order_count: {description: Orders made}
--   paid_share: {description: "Orders paid of orders made, from 0 to 1"}
--   buyer_count: {description: Users who paid}
--   pay_amount: {description: Paid for the day's orders}
--   pay_amount_7_days: {description: The same over this day and the six before it}
--   average_amount: {description: pay_amount per order paid}
--   refund_amount: {description: "What went back on the day, for whichever order"}
--   net_amount: {description: pay_amount less refund_amount}
--   refund_share: {description: "What has gone back for the day's orders of what was paid for them, from 0 to 1"}
--   granted_count: {description: Orders of the day that have their benefit}
--   cancelled_count: {description: Orders of the day that lost it}
select
    s.business_date,
    s.order_count,
    round(s.paid_count::numeric / nullif(s.order_count, 0), 4) as paid_share,
    s.buyer_count,
    s.pay_amount,
    sum(s.pay_amount) over (
        order by s.business_date range between interval '6 days' preceding and current row
    ) as pay_amount_7_days,
    round(s.pay_amount / nullif(s.paid_count, 0), 2) as average_amount,
    s.refund_amount,
    s.net_amount,
    r.refund_share,
    coalesce(b.granted_count, 0) as granted_count,
    coalesce(b.cancelled_count, 0) as cancelled_count
from xiaoe_dws.order_summary as s
left join xiaoe_dws.order_refund_summary as r
    on r.order_date = s.business_date
left join xiaoe_dws.benefit_summary as b
    on b.order_date = s.business_date
