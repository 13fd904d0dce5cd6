-- kind: incremental
-- key: [goods_sale_id]
-- depends_on:
--   - feiqiu_ods.store_goods_sales_records
-- incremental:
--   by: [goods_sale_id]
--   changed:
--     feiqiu_ods.store_goods_sales_records: [id]
-- window: business_date
-- indexes:
--   - columns: [order_settle_id]
-- description: "Goods sold, one row per line, as it stands now: goods that come back correct it."
-- columns:
--   goods_sale_id: {description: The line, not_null: true}
--   site_id: {description: Hall, not_null: true}
--   business_date: {description: Day in Asia/Shanghai, not_null: true}
--   order_settle_id: {description: Settlement that it belongs to}
--   order_trade_no: {description: Number of the order for people; has 17 digits}
--   site_goods_id: {description: Goods in the hall, not_null: true}
--   tenant_goods_id: {description: Goods in the tenant's list}
--   table_id: {description: Table; null over the counter}
--   goods_name: {description: Name then}
--   unit_price: {description: Yuan per unit}
--   sold_quantity: {description: Units sold, not_null: true}
--   returned_quantity: {description: Units that came back so far, not_null: true}
--   sales_amount: {description: Yuan before anything is deducted, not_null: true}
--   discount_amount: {description: Deducted}
--   net_amount: {description: What is left to pay, not_null: true}
--   cost_amount: {description: Yuan that the goods cost}
--   is_valid: {description: Counts, not_null: true}
--   sold_at: {description: When it was sold, not_null: true}
--   _batch_id: {description: Landing that brought what the row shows}
select
    s.id as goods_sale_id,
    terrace.to_bigint(s.payload ->> 'site_id') as site_id,
    terrace.to_date(s.payload ->> 'create_time') as business_date,
    nullif(terrace.to_bigint(s.payload ->> 'order_settle_id'), 0) as order_settle_id,
    terrace.to_bigint(s.payload ->> 'order_trade_no') as order_trade_no,
    terrace.to_bigint(s.payload ->> 'site_goods_id') as site_goods_id,
    terrace.to_bigint(s.payload ->> 'tenant_goods_id') as tenant_goods_id,
    nullif(terrace.to_bigint(s.payload ->> 'site_table_id'), 0) as table_id,
    s.payload ->> 'ledger_name' as goods_name,
    terrace.to_numeric(s.payload ->> 'ledger_unit_price')::numeric(14, 2) as unit_price,
    terrace.to_bigint(s.payload ->> 'ledger_count') as sold_quantity,
    terrace.to_bigint(s.payload ->> 'returns_number') as returned_quantity,
    terrace.to_numeric(s.payload ->> 'ledger_amount')::numeric(14, 2) as sales_amount,
    terrace.to_numeric(s.payload ->> 'discount_money')::numeric(14, 2) as discount_amount,
    terrace.to_numeric(s.payload ->> 'real_goods_money')::numeric(14, 2) as net_amount,
    terrace.to_numeric(s.payload ->> 'cost_money')::numeric(14, 2) as cost_amount,
    terrace.to_bigint(s.payload ->> 'ledger_status') = 1 and terrace.to_bigint(s.payload ->> 'is_delete') is distinct from 1 as is_valid,
    terrace.to_timestamptz(s.payload ->> 'create_time', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as sold_at,
    s._batch_id
from feiqiu_ods.store_goods_sales_records as s
where s._deleted_at is null
