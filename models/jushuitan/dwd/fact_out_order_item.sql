-- kind: incremental
-- key: [io_id, item_id]
-- depends_on:
--   - jushuitan_ods.orders_out
--   - jushuitan_ods.orders_out_ts
--   - jushuitan_ref.order_status
-- incremental:
--   by: [io_id]
--   changed:
--     jushuitan_ods.orders_out: [io_id]
--     jushuitan_ods.orders_out_ts: [io_id]
-- window: order_date
-- indexes:
--   - columns: [sku_id, order_date]
-- description: >-
--   Lines of out-orders, gifts included, as they stand now. They say again where their out-order stands, so that sales
--   need no join. A line has no batch of its own: io_id leads to the out-order that brought it.
-- columns:
--   io_id: {type: bigint, description: The out-order, not_null: true}
--   item_id: {type: text, description: "The line: ioi_id, or what else identifies it where the source leaves that out", not_null: true}
--   line_no: {type: bigint, description: "Place in the out-order, from 1", not_null: true}
--   shop_id: {type: bigint, description: Shop, not_null: true}
--   order_date: {type: date, description: "Day of payment in Asia/Shanghai; of creation where nothing was paid", not_null: true}
--   is_sale: {type: boolean, description: The out-order counts towards sales, not_null: true}
--   online_order_no: {type: text, description: Order in the shop that asked for it; differs within merged out-orders}
--   sku_id: {type: text, description: What was sold, not_null: true}
--   style_id: {type: text, description: Style of the SKU}
--   sku_name: {type: text, description: Name as ordered}
--   properties: {type: text, description: "Properties as ordered, such as colour and size"}
--   is_gift: {type: boolean, description: Given for nothing, not_null: true}
--   quantity: {type: "numeric(14,2)", description: Pieces, not_null: true}
--   sale_price: {type: "numeric(14,4)", description: Yuan per piece, not_null: true}
--   list_price: {type: "numeric(14,4)", description: Yuan per piece before reductions}
--   amount: {type: "numeric(14,2)", description: "quantity times sale_price, recomputed", not_null: true}
--   sale_amount: {type: "numeric(14,2)", description: The same as the source says it}
with landed as (
    select
        o.io_id,
        o.payload,
        terrace.to_bigint(o.payload ->> 'ts') as row_version,
        o._batch_id
    from jushuitan_ods.orders_out as o
    where o._deleted_at is null

    union all

    select
        t.io_id,
        t.payload,
        terrace.to_bigint(t.payload ->> 'ts'),
        t._batch_id
    from jushuitan_ods.orders_out_ts as t
    where t._deleted_at is null
),

newest as (
    select distinct on (l.io_id)
        l.io_id,
        l.payload
    from landed as l
    order by
        l.io_id,
        l.row_version desc,
        l._batch_id
)

select
    n.io_id,
    coalesce(
        nullif(item.content ->> 'ioi_id', ''),
        'oi ' || nullif(item.content ->> 'oi_id', ''),
        'line ' || item.place
    ) as item_id,
    item.place as line_no,
    terrace.to_bigint(n.payload ->> 'shop_id') as shop_id,
    coalesce(terrace.to_date(n.payload ->> 'pay_date'), terrace.to_date(n.payload ->> 'created')) as order_date,
    coalesce(status.is_sale, true) as is_sale,
    coalesce(nullif(item.content ->> 'raw_so_id', ''), n.payload ->> 'so_id') as online_order_no,
    item.content ->> 'sku_id' as sku_id,
    item.content ->> 'i_id' as style_id,
    item.content ->> 'name' as sku_name,
    nullif(item.content ->> 'properties_value', '') as properties,
    coalesce((item.content ->> 'is_gift')::boolean, false) as is_gift,
    terrace.to_numeric(item.content ->> 'qty')::numeric(14, 2) as quantity,
    terrace.to_numeric(item.content ->> 'sale_price')::numeric(14, 4) as sale_price,
    terrace.to_numeric(item.content ->> 'base_price')::numeric(14, 4) as list_price,
    round(terrace.to_numeric(item.content ->> 'qty') * terrace.to_numeric(item.content ->> 'sale_price'), 2)::numeric(14, 2) as amount,
    terrace.to_numeric(item.content ->> 'sale_amount')::numeric(14, 2) as sale_amount
from newest as n
cross join lateral jsonb_array_elements(n.payload -> 'items') with ordinality as item (content, place)
left join jushuitan_ref.order_status as status
    on status.code = n.payload ->> 'status'
