-- on: [xiaoe_dws.order_refund_summary, xiaoe_dws.product_summary, xiaoe_dws.user_summary]
-- severity: error
-- description: "By day, by product, by user, what was paid is the same, and so is what went back for orders that are here."
with sums as (
    select 'order_refund_summary' as summary, sum(s.pay_amount) as pay_amount, sum(s.refund_amount) as refund_amount
    from xiaoe_dws.order_refund_summary as s
    union all
    select 'product_summary', sum(s.pay_amount), sum(s.refund_amount) from xiaoe_dws.product_summary as s
    union all
    select 'user_summary', sum(s.pay_amount), sum(s.refund_amount) from xiaoe_dws.user_summary as s
),

facts as (
    select
        sum(o.pay_amount) as pay_amount,
        (select coalesce(sum(r.refund_amount), 0) from xiaoe_dwd.order_refund as r where r.order_date is not null) as refund_amount
    from xiaoe_dwd.fact_order as o
)

select
    s.summary,
    s.pay_amount,
    f.pay_amount as orders_give,
    s.refund_amount,
    f.refund_amount as after_sales_give
from sums as s
cross join facts as f
where (s.pay_amount, s.refund_amount) is distinct from (f.pay_amount, f.refund_amount)
