-- on: [jushuitan_dws.shipment_summary]
-- severity: error
-- description: The days of the warehouses are what the facts give; no day is missing and none too many.
with facts as (
    select
        f.warehouse_id,
        f.ship_date,
        array[
            count(*), sum(f.quantity), sum(f.pay_amount), sum(extract(epoch from f.shipped_at) - extract(epoch from f.paid_at))
        ] as figures
    from jushuitan_dwd.fact_out_order as f
    where f.is_shipped
    group by f.warehouse_id, f.ship_date
),

summary as (
    select
        s.warehouse_id,
        s.ship_date,
        array[s.out_order_count, s.quantity, s.pay_amount, s.waited_seconds] as figures
    from jushuitan_dws.shipment_summary as s
)

select
    warehouse_id,
    ship_date,
    f.figures as facts_give,
    s.figures as summary_says
from facts as f
full join summary as s using (warehouse_id, ship_date)
where f.figures is distinct from s.figures
