-- kind: incremental
-- key: [business_date]
-- depends_on:
--   - xiaoe_dwd.fact_order
--   - xiaoe_dwd.fact_refund
-- incremental:
--   by: [business_date]
--   changed:
--     xiaoe_dwd.fact_order: [order_date]
--     xiaoe_dwd.fact_refund: [business_date]
-- window: business_date
-- description: >-
--   The shop's days, in yuan: what was ordered and paid on each, and what went back on it. What has gone back for a day's
--   orders, on whichever day, is in xiaoe_dws.order_refund_summary.
-- columns:
--   business_date: {type: date, description: Day in Asia/Shanghai, not_null: true}
--   order_count: {type: bigint, description: Orders made}
--   paid_count: {type: bigint, description: "of which: paid"}
--   unpaid_count: {type: bigint, description: "of which: not paid, or not any more"}
--   quantity: {type: bigint, description: Pieces paid}
--   pay_amount: {type: "numeric(14,2)", description: Paid}
--   coupon_amount: {type: "numeric(14,2)", description: Deducted for coupons from what was paid}
--   buyer_count: {type: bigint, description: Users who paid for an order of this day}
--   refund_count: {type: bigint, description: "After-sales that gave money back on this day, for whichever order"}
--   refund_amount: {type: "numeric(14,2)", description: That money}
--   net_amount: {type: "numeric(14,2)", description: pay_amount less refund_amount}
with movements as (
    select
        o.order_date as business_date,
        1 as orders,
        o.is_paid::integer as paid,
        case when o.is_paid then o.quantity else 0 end as quantity,
        o.pay_amount,
        case when o.is_paid then o.coupon_amount else 0 end as coupon_amount,
        case when o.is_paid then o.user_id end as buyer,
        0 as refunds,
        0::numeric as refund_amount
    from xiaoe_dwd.fact_order as o

    union all

    select
        r.business_date,
        0, 0, 0, 0, 0, null,
        1,
        r.refund_amount
    from xiaoe_dwd.fact_refund as r
    where r.is_done
)

select
    m.business_date,
    sum(m.orders) as order_count,
    sum(m.paid) as paid_count,
    sum(m.orders - m.paid) as unpaid_count,
    sum(m.quantity)::bigint as quantity,
    sum(m.pay_amount)::numeric(14, 2) as pay_amount,
    sum(m.coupon_amount)::numeric(14, 2) as coupon_amount,
    count(distinct m.buyer) as buyer_count,
    sum(m.refunds) as refund_count,
    sum(m.refund_amount)::numeric(14, 2) as refund_amount,
    (sum(m.pay_amount) - sum(m.refund_amount))::numeric(14, 2) as net_amount
from movements as m
group by m.business_date
