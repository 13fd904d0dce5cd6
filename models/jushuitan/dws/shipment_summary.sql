-- kind: incremental
-- key: [warehouse_id, ship_date]
-- depends_on:
--   - jushuitan_dwd.fact_out_order
-- incremental:
--   by: [warehouse_id, ship_date]
-- window: ship_date
-- description: >-
--   What left each warehouse per day, and how long buyers had waited. An out-order that is called back later is taken out
--   of the day on which it had left.
-- columns:
--   warehouse_id: {type: bigint, description: Warehouse; 0 is the main one, not_null: true}
--   ship_date: {type: date, description: Day on which it left in Asia/Shanghai, not_null: true}
--   out_order_count: {type: bigint, description: Out-orders}
--   late_count: {type: bigint, description: "of which: more than 48 hours after payment"}
--   quantity: {type: "numeric(14,2)", description: "Pieces, gifts included"}
--   pay_amount: {type: "numeric(14,2)", description: What the heads say is to be paid for them}
--   waited_seconds: {type: bigint, description: "From payment to shipment, over all out-orders"}
--   waited_hours: {type: "numeric(14,2)", description: The same per out-order in hours}
select
    f.warehouse_id,
    f.ship_date,
    count(*) as out_order_count,
    count(*) filter (where f.shipped_at - f.paid_at > interval '48 hours') as late_count,
    sum(f.quantity)::numeric(14, 2) as quantity,
    sum(f.pay_amount)::numeric(14, 2) as pay_amount,
    sum(extract(epoch from f.shipped_at - f.paid_at))::bigint as waited_seconds,
    (avg(extract(epoch from f.shipped_at - f.paid_at)) / 3600)::numeric(14, 2) as waited_hours
from jushuitan_dwd.fact_out_order as f
where f.is_shipped
    and f.ship_date is not null
    and f.warehouse_id is not null
group by
    f.warehouse_id,
    f.ship_date
