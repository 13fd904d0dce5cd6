-- kind: incremental
-- key: [order_id]
-- depends_on:
--   - shop_ods.orders
-- incremental:
--   changed:
--     shop_ods.orders: [id]
-- description: One row per order, as it stands now.
-- columns:
--   order_id: {description: The order, not_null: true}
--   customer_id: {description: Who ordered, not_null: true}
--   ordered_at: {description: When, not_null: true}
--   ordered_on: {description: "On which day, in UTC", not_null: true}
--   status: {description: What became of it, values: [paid, refunded, cancelled]}
--   amount: {description: What was paid, not_null: true}
select
    o.id as order_id,
    terrace.to_bigint(o.payload ->> 'customer_id') as customer_id,
    terrace.to_timestamptz(o.payload ->> 'ordered_at', 'YYYY-MM-DD HH24:MI:SS', 'UTC') as ordered_at,
    terrace.to_date(o.payload ->> 'ordered_at') as ordered_on,
    o.payload ->> 'status' as status,
    terrace.to_numeric(o.payload ->> 'amount')::numeric(12, 2) as amount
from shop_ods.orders as o
where o._deleted_at is null
