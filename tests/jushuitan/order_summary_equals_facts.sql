-- on: [jushuitan_dws.order_summary]
-- severity: error
-- description: The summary is what the facts give, shop by shop and day by day; no day is missing and none too many.
with facts as (
    select
        f.shop_id,
        f.order_date,
        array[
            count(*), count(*) filter (where not f.is_sale), sum(f.quantity * f.is_sale::integer),
            sum(f.items_amount * f.is_sale::integer), sum(f.freight_amount * f.is_sale::integer),
            sum(f.pay_amount * f.is_sale::integer), sum(f.pay_amount * (not f.is_sale)::integer)
        ] as figures
    from jushuitan_dwd.fact_out_order as f
    group by f.shop_id, f.order_date
),

summary as (
    select
        s.shop_id,
        s.order_date,
        array[
            s.out_order_count, s.cancelled_count, s.quantity, s.items_amount, s.freight_amount, s.pay_amount, s.cancelled_amount
        ] as figures
    from jushuitan_dws.order_summary as s
)

select
    shop_id,
    order_date,
    f.figures as facts_give,
    s.figures as summary_says
from facts as f
full join summary as s using (shop_id, order_date)
where f.figures is distinct from s.figures
