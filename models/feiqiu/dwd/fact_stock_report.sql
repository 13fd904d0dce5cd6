-- kind: incremental
-- key: [site_goods_id, range_start, range_end]
-- depends_on:
--   - feiqiu_ods.goods_stock_summary
-- incremental:
--   by: [site_goods_id, range_start, range_end]
--   changed:
--     feiqiu_ods.goods_stock_summary: [site_goods_id, range_start::date, range_end::date]
-- window: range_start
-- description: >-
--   Stock of a week as the source reports it, one row per goods: closing = opening + in - out - sold + counted. The stock of
--   now, which every report repeats, is left out: it says nothing of the week.
-- columns:
--   site_goods_id: {description: Goods in the hall, not_null: true}
--   range_start: {description: "First day, a Monday", not_null: true}
--   range_end: {description: "Day after the last one, a Monday", not_null: true}
--   site_id: {description: Hall, not_null: true}
--   tenant_goods_id: {description: Goods in the tenant's list}
--   second_category_id: {description: Category of the second level}
--   opening_quantity: {description: Stock at the beginning, not_null: true}
--   in_quantity: {description: "Units bought or taken back"}
--   out_quantity: {description: Units that left otherwise}
--   sold_quantity: {description: Units sold}
--   sold_amount: {description: Yuan of those, not_null: true}
--   counted_quantity: {description: "Units found, or missing where negative, when stock was counted"}
--   closing_quantity: {description: Stock at the end, not_null: true}
--   _batch_id: {description: Landing that brought what the row shows}
select
    r.site_goods_id,
    r.range_start::date as range_start,
    r.range_end::date as range_end,
    terrace.to_bigint(r.payload ->> 'site_id') as site_id,
    terrace.to_bigint(r.payload ->> 'tenant_goods_id') as tenant_goods_id,
    terrace.to_bigint(r.payload ->> 'goods_second_category_id') as second_category_id,
    terrace.to_bigint(r.payload ->> 'range_start_stock') as opening_quantity,
    terrace.to_bigint(r.payload ->> 'range_in') as in_quantity,
    terrace.to_bigint(r.payload ->> 'range_out') as out_quantity,
    terrace.to_bigint(r.payload ->> 'range_sale') as sold_quantity,
    terrace.to_numeric(r.payload ->> 'range_sale_money')::numeric(14, 2) as sold_amount,
    terrace.to_bigint(r.payload ->> 'range_inventory') as counted_quantity,
    terrace.to_bigint(r.payload ->> 'range_end_stock') as closing_quantity,
    r._batch_id
from feiqiu_ods.goods_stock_summary as r
where r._deleted_at is null
