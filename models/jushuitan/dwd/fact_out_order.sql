-- kind: incremental
-- key: [io_id]
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
--   - columns: [shop_id, order_date]
--   - columns: [order_id]
-- description: >-
--   Out-orders, one row each, as they stand now: the newest of what the two streams have landed, whichever learned of it
--   first. One order may leave in several out-orders. Amounts are yuan; those of lines are recomputed, and
--   difference_amount is what the head says beyond them.
-- columns:
--   io_id: {type: bigint, description: The out-order, not_null: true}
--   order_id: {type: bigint, description: The order that it belongs to; several out-orders may share one, not_null: true}
--   online_order_no: {type: text, description: Number of the order in the shop}
--   merged_online_order_nos: {type: "text[]", description: Numbers of the orders that were merged into it; null where none were}
--   shop_id: {type: bigint, description: Shop, not_null: true}
--   shop_name: {type: text, description: Name of the shop when the order was last changed}
--   order_date: {type: date, description: "Day of payment in Asia/Shanghai; of creation where nothing was paid", not_null: true}
--   ship_date: {type: date, description: Day on which it left in Asia/Shanghai; null before}
--   warehouse_id: {type: bigint, description: Warehouse; 0 is the main one}
--   warehouse_name: {type: text, description: Name of the warehouse}
--   status: {type: text, description: Where it stands; a code without a name stays as it came, not_null: true}
--   is_sale: {type: boolean, description: Counts towards sales, not_null: true}
--   is_shipped: {type: boolean, description: Has left and has not been called back, not_null: true}
--   order_type: {type: text, description: Kind of order as the source words it}
--   line_count: {type: bigint, description: Lines, not_null: true}
--   quantity: {type: "numeric(14,2)", description: "Pieces in its lines, gifts included", not_null: true}
--   items_amount: {type: "numeric(14,2)", description: "Price times quantity over its lines, recomputed", not_null: true}
--   freight_amount: {type: "numeric(14,2)", description: Freight that the buyer pays, not_null: true}
--   pay_amount: {type: "numeric(14,2)", description: What the head says is to be paid, not_null: true}
--   paid_amount: {type: "numeric(14,2)", description: What the head says has been paid}
--   discount_amount: {type: "numeric(14,2)", description: Reduction that the shop granted; contained in the prices}
--   difference_amount: {type: "numeric(14,2)", description: pay_amount less items_amount and freight_amount, not_null: true}
--   currency: {type: text, description: Currency}
--   is_cod: {type: boolean, description: Paid on delivery}
--   carrier_code: {type: text, description: Carrier}
--   carrier_name: {type: text, description: Name of the carrier}
--   tracking_no: {type: text, description: Number of the parcel; null before it leaves}
--   weight_kg: {type: "numeric(14,3)", description: Weight}
--   buyer_id: {type: text, description: "Buyer, masked by the source"}
--   province: {type: text, description: Where it goes}
--   city: {type: text, description: Where it goes}
--   labels: {type: text, description: Labels}
--   remark: {type: text, description: Remark of the shop}
--   created_at: {type: timestamptz, description: When it was made}
--   paid_at: {type: timestamptz, description: When it was paid; null where it was not}
--   shipped_at: {type: timestamptz, description: When it left; null before}
--   modified_at: {type: timestamptz, description: When it was last changed, not_null: true}
--   row_version: {type: bigint, description: "Grows with every change of any order, over all of them", not_null: true}
--   _batch_id: {type: bigint, description: Landing that brought what the row shows}
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

-- Where both streams have the same version, the landing that came first brought it.
newest as (
    select distinct on (l.io_id)
        l.io_id,
        l.payload,
        l.row_version,
        l._batch_id
    from landed as l
    order by
        l.io_id,
        l.row_version desc,
        l._batch_id
),

heads as (
    select
        n.io_id,
        n.payload,
        n.row_version,
        n._batch_id,
        lines.line_count,
        lines.quantity,
        lines.items_amount,
        coalesce(terrace.to_numeric(n.payload ->> 'freight'), 0)::numeric(14, 2) as freight_amount,
        coalesce(terrace.to_numeric(n.payload ->> 'pay_amount'), 0)::numeric(14, 2) as pay_amount,
        terrace.to_timestamptz(n.payload ->> 'created', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as created_at,
        terrace.to_timestamptz(n.payload ->> 'pay_date', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as paid_at,
        terrace.to_timestamptz(n.payload ->> 'io_date', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as shipped_at,
        terrace.to_timestamptz(n.payload ->> 'modified', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as modified_at
    from newest as n
    cross join lateral (
        select
            count(*) as line_count,
            coalesce(sum(terrace.to_numeric(item.content ->> 'qty')), 0)::numeric(14, 2) as quantity,
            coalesce(
                sum(round(terrace.to_numeric(item.content ->> 'qty') * terrace.to_numeric(item.content ->> 'sale_price'), 2)), 0
            )::numeric(14, 2) as items_amount
        from jsonb_array_elements(n.payload -> 'items') as item (content)
    ) as lines
)

select
    h.io_id,
    terrace.to_bigint(h.payload ->> 'o_id') as order_id,
    h.payload ->> 'so_id' as online_order_no,
    string_to_array(nullif(h.payload ->> 'merge_so_id', ''), ',') as merged_online_order_nos,
    terrace.to_bigint(h.payload ->> 'shop_id') as shop_id,
    h.payload ->> 'shop_name' as shop_name,
    coalesce(terrace.to_date(h.payload ->> 'pay_date'), terrace.to_date(h.payload ->> 'created')) as order_date,
    terrace.to_date(h.payload ->> 'io_date') as ship_date,
    terrace.to_bigint(h.payload ->> 'wms_co_id') as warehouse_id,
    h.payload ->> 'warehouse' as warehouse_name,
    coalesce(status.label_en, h.payload ->> 'status') as status,
    coalesce(status.is_sale, true) as is_sale,
    coalesce(status.is_shipped, false) as is_shipped,
    h.payload ->> 'order_type' as order_type,
    h.line_count,
    h.quantity,
    h.items_amount,
    h.freight_amount,
    h.pay_amount,
    terrace.to_numeric(h.payload ->> 'paid_amount')::numeric(14, 2) as paid_amount,
    terrace.to_numeric(h.payload ->> 'free_amount')::numeric(14, 2) as discount_amount,
    (h.pay_amount - h.items_amount - h.freight_amount)::numeric(14, 2) as difference_amount,
    h.payload ->> 'currency' as currency,
    (h.payload ->> 'is_cod')::boolean as is_cod,
    h.payload ->> 'lc_id' as carrier_code,
    h.payload ->> 'logistics_company' as carrier_name,
    nullif(h.payload ->> 'l_id', '') as tracking_no,
    terrace.to_numeric(h.payload ->> 'weight')::numeric(14, 3) as weight_kg,
    h.payload ->> 'shop_buyer_id' as buyer_id,
    h.payload ->> 'receiver_state' as province,
    h.payload ->> 'receiver_city' as city,
    nullif(h.payload ->> 'labels', '') as labels,
    nullif(h.payload ->> 'remark', '') as remark,
    h.created_at,
    h.paid_at,
    h.shipped_at,
    h.modified_at,
    h.row_version,
    h._batch_id
from heads as h
left join jushuitan_ref.order_status as status
    on status.code = h.payload ->> 'status'
