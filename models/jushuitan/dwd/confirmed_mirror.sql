-- kind: incremental
-- key: [io_id]
-- depends_on:
--   - jushuitan_ods.orders_out_confirmed
-- incremental:
--   by: [io_id]
--   changed:
--     jushuitan_ods.orders_out_confirmed: [io_id]
-- description: >-
--   What a mirror that asks for shipped out-orders alone believes: an out-order that was called back afterwards stays in
--   it as it left. For comparison; sales come from fact_out_order.
-- columns:
--   io_id: {type: bigint, description: The out-order, not_null: true}
--   order_id: {type: bigint, description: The order that it belongs to}
--   shop_id: {type: bigint, description: Shop, not_null: true}
--   pay_amount: {type: "numeric(14,2)", description: "What the head said was to be paid, in yuan", not_null: true}
--   modified_at: {type: timestamptz, description: When it was last changed as far as the mirror knows}
--   _batch_id: {type: bigint, description: Landing that brought it}
select
    c.io_id,
    terrace.to_bigint(c.payload ->> 'o_id') as order_id,
    terrace.to_bigint(c.payload ->> 'shop_id') as shop_id,
    terrace.to_numeric(c.payload ->> 'pay_amount')::numeric(14, 2) as pay_amount,
    terrace.to_timestamptz(c.payload ->> 'modified', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as modified_at,
    c._batch_id
from jushuitan_ods.orders_out_confirmed as c
where c._deleted_at is null
