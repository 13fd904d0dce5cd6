-- kind: incremental
-- key: [order_id]
-- depends_on:
--   - xiaoe_ods.orders
--   - xiaoe_ref.order_state
--   - xiaoe_ref.resource_type
--   - xiaoe_ref.ship_state
-- incremental:
--   by: [order_id]
--   changed:
--     xiaoe_ods.orders: [order_id]
-- window: order_date
-- indexes:
--   - columns: [order_date]
--   - columns: [user_id]
-- description: >-
--   Orders, one row each, as they stood when they were last read, which is up to fifteen days after they were made. The
--   source sends price in yuan and everything else in fen; all amounts here are yuan. What was given back in the end is in
--   fact_refund.
-- columns:
--   order_id: {type: text, description: The order, not_null: true}
--   user_id: {type: text, description: Who ordered, not_null: true}
--   order_date: {type: date, description: Day of ordering in Asia/Shanghai, not_null: true}
--   resource_id: {type: text, description: "What was ordered; orders of the 1.x list have one product each", not_null: true}
--   resource_type: {type: text, description: What kind of product; a code without a name stays as it came}
--   title: {type: text, description: Name of the product when it was ordered}
--   quantity: {type: bigint, description: Pieces, not_null: true}
--   is_paid: {type: boolean, description: Money came in, not_null: true}
--   pay_amount: {type: "numeric(14,2)", description: Paid; 0 where nothing was, not_null: true}
--   coupon_amount: {type: "numeric(14,2)", description: Deducted for a coupon, not_null: true}
--   refund_amount: {type: "numeric(14,2)", description: Given back as far as the order says, not_null: true}
--   order_state: {type: text, description: Where it stands; a code without a name stays as it came, not_null: true}
--   ship_state: {type: text, description: Where its goods are; a code without a name stays as it came}
--   sales_state_code: {type: bigint, description: "After-sale state as the source codes it: -1 none, 1 in part, 2 whole"}
--   after_sales_state_code: {type: bigint, description: State of its claim as the source codes it}
--   team_buy_state_code: {type: bigint, description: State of its group as the source codes it}
--   pay_way_code: {type: bigint, description: Way of payment as the source codes it; null where nothing was paid}
--   client_type_code: {type: bigint, description: Where it was ordered as the source codes it}
--   collection_way_code: {type: bigint, description: Who collected the money as the source codes it}
--   out_order_id: {type: text, description: Number at the merchant; null where nothing was paid}
--   transaction_id: {type: text, description: Number at the payment channel; null where nothing was paid}
--   created_at: {type: timestamptz, description: When it was made, not_null: true}
--   paid_at: {type: timestamptz, description: When it was paid; null where it was not}
--   refunded_at: {type: timestamptz, description: When money last went back as far as the order says; null where none did}
--   settled_at: {type: timestamptz, description: When it was settled with the shop; null before}
--   _batch_id: {type: bigint, description: Landing that brought what the row shows}
select
    o.order_id,
    o.payload ->> 'user_id' as user_id,
    terrace.to_date(o.payload ->> 'created_time') as order_date,
    o.payload ->> 'resource_id' as resource_id,
    coalesce(resource_type.label_en, o.payload ->> 'resource_type') as resource_type,
    o.payload ->> 'title' as title,
    coalesce(terrace.to_bigint(o.payload ->> 'count'), 1) as quantity,
    terrace.to_date(o.payload ->> 'pay_time') is not null as is_paid,
    coalesce(terrace.to_numeric(o.payload ->> 'price'), 0)::numeric(14, 2) as pay_amount,
    (coalesce(terrace.to_numeric(o.payload ->> 'coupon_price'), 0) / 100)::numeric(14, 2) as coupon_amount,
    (coalesce(terrace.to_numeric(o.payload ->> 'refund_money'), 0) / 100)::numeric(14, 2) as refund_amount,
    coalesce(order_state.label_en, o.payload ->> 'order_state') as order_state,
    coalesce(ship_state.label_en, o.payload ->> 'ship_state') as ship_state,
    terrace.to_bigint(o.payload ->> 'sales_state') as sales_state_code,
    terrace.to_bigint(o.payload ->> 'after_sales_state') as after_sales_state_code,
    terrace.to_bigint(o.payload ->> 'team_buy_state') as team_buy_state_code,
    terrace.to_bigint(o.payload ->> 'pay_way') as pay_way_code,
    terrace.to_bigint(o.payload ->> 'client_type') as client_type_code,
    terrace.to_bigint(o.payload ->> 'collection_way') as collection_way_code,
    nullif(o.payload ->> 'out_order_id', '') as out_order_id,
    nullif(o.payload ->> 'transaction_id', '') as transaction_id,
    terrace.to_timestamptz(o.payload ->> 'created_time', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as created_at,
    terrace.to_timestamptz(o.payload ->> 'pay_time', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as paid_at,
    terrace.to_timestamptz(o.payload ->> 'refund_time', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as refunded_at,
    terrace.to_timestamptz(o.payload ->> 'settle_time', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as settled_at,
    o._batch_id
from xiaoe_ods.orders as o
left join xiaoe_ref.order_state as order_state
    on order_state.code = terrace.to_bigint(o.payload ->> 'order_state')
left join xiaoe_ref.resource_type as resource_type
    on resource_type.code = terrace.to_bigint(o.payload ->> 'resource_type')
left join xiaoe_ref.ship_state as ship_state
    on ship_state.code = terrace.to_bigint(o.payload ->> 'ship_state')
where o._deleted_at is null
