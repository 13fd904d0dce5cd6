-- kind: incremental
-- key: [order_settle_id, line_type, line_id]
-- depends_on:
--   - feiqiu_ods.settlement_ticket_details
--   - feiqiu_ref.assistant_service_type
-- incremental:
--   by: [order_settle_id]
--   changed:
--     feiqiu_ods.settlement_ticket_details: [order_settle_id]
-- window: business_date
-- description: >-
--   Lines of tickets: table fees, assistants, goods and coupons in one table. The first three add up to what was
--   consumed, less service; coupon lines pay for it. A line has no batch of its own, so that a ticket which changes in
--   its head leaves its lines as they are: order_settle_id leads to the landed ticket.
-- columns:
--   order_settle_id: {description: The settlement that the ticket belongs to, not_null: true}
--   line_type: {description: What the line is for, not_null: true, values: [table, assistant, goods, coupon]}
--   line_id: {description: "The line in the source; for assistants, who have none, the place on the ticket", not_null: true}
--   site_id: {description: Hall, not_null: true}
--   business_date: {description: Day on which the ticket was paid in Asia/Shanghai, not_null: true}
--   order_id: {description: Order of the ticket}
--   line_name: {description: Text on the ticket}
--   table_id: {description: Table of a table fee}
--   site_goods_id: {description: Goods of a goods line}
--   assistant_no: {description: Number of an assistant}
--   assistant_service_type: {description: What the assistant was asked for}
--   coupon_package_id: {description: Package of a coupon}
--   unit_price: {description: "Yuan: per hour, per piece, or what a coupon was sold for"}
--   pieces: {description: Count of goods}
--   seconds: {description: "Time of tables, assistants and coupons"}
--   amount: {description: Yuan, not_null: true}
--   is_consumption: {description: Counts towards what was consumed}
--   started_at: {description: Beginning of a table fee}
--   ended_at: {description: End of a table fee; null where the table was closed by hand}
with orders as (
    select
        t.order_settle_id,
        terrace.to_bigint(t.payload ->> 'siteId') as site_id,
        terrace.to_date(t.payload ->> 'payTime') as business_date,
        terrace.to_bigint(item.content ->> 'siteOrderId') as order_id,
        item.place as order_place,
        item.content
    from feiqiu_ods.settlement_ticket_details as t
    cross join lateral jsonb_array_elements(t.payload -> 'orderItem') with ordinality as item (content, place)
    where t._deleted_at is null
),

-- One array of lines per type; a table's single line becomes an array too, and what is missing or null an empty one.
arrays as (
    select
        o.order_settle_id,
        o.site_id,
        o.business_date,
        o.order_id,
        o.order_place,
        a.line_type,
        coalesce(nullif(a.lines, 'null'::jsonb), '[]'::jsonb) as lines
    from orders as o
    cross join lateral (
        values
            ('table', jsonb_path_query_array(o.content, '$.tableLedger ? (@ != null)')),
            ('assistant', o.content -> 'assistantPlayWith'),
            ('goods', o.content -> 'goodsLedgers'),
            ('coupon', o.content -> 'couponLedgers')
    ) as a (line_type, lines)
)

select
    a.order_settle_id,
    a.line_type,
    coalesce(
        terrace.to_bigint(line.content ->> 'siteTableOrderId'),
        terrace.to_bigint(line.content ->> 'orderGoodsLedgerId'),
        terrace.to_bigint(line.content ->> 'orderCouponId'),
        a.order_place * 1000 + line.place
    ) as line_id,
    a.site_id,
    a.business_date,
    a.order_id,
    coalesce(
        line.content ->> 'ledgerName',
        line.content ->> 'assistantName',
        line.content ->> 'goodsName',
        line.content ->> 'couponName'
    ) as line_name,
    terrace.to_bigint(line.content ->> 'siteTableId') as table_id,
    terrace.to_bigint(line.content ->> 'siteGoodsId') as site_goods_id,
    line.content ->> 'assistantNo' as assistant_no,
    coalesce(service_type.label_en, line.content ->> 'serviceType') as assistant_service_type,
    terrace.to_bigint(line.content ->> 'promotionActivityId') as coupon_package_id,
    terrace.to_numeric(line.content ->> 'ledgerUnitPrice')::numeric(14, 2) as unit_price,
    case when a.line_type = 'goods' then terrace.to_numeric(line.content ->> 'ledgerCount') end as pieces,
    case when a.line_type <> 'goods' then terrace.to_bigint(line.content ->> 'ledgerCount') end as seconds,
    terrace.to_numeric(line.content ->> 'ledgerAmount')::numeric(14, 2) as amount,
    a.line_type <> 'coupon' as is_consumption,
    terrace.to_timestamptz(line.content ->> 'ledgerStartTime', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as started_at,
    terrace.to_timestamptz(line.content ->> 'ledgerEndTime', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as ended_at
from arrays as a
cross join lateral jsonb_array_elements(a.lines) with ordinality as line (content, place)
left join feiqiu_ref.assistant_service_type as service_type
    on service_type.code = terrace.to_bigint(line.content ->> 'serviceType')
