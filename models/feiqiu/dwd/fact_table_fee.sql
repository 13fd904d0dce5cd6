-- kind: incremental
-- key: [table_fee_id]
-- depends_on:
--   - feiqiu_ods.table_fee_transactions
-- incremental:
--   by: [table_fee_id]
--   changed:
--     feiqiu_ods.table_fee_transactions: [id]
-- window: business_date
-- indexes:
--   - columns: [order_settle_id]
-- description: "Time at tables, one row per use: net = charge - coupon - member discount - adjustment."
-- columns:
--   table_fee_id: {description: The use of the table, not_null: true}
--   site_id: {description: Hall, not_null: true}
--   business_date: {description: Day on which the table was closed in Asia/Shanghai, not_null: true}
--   order_settle_id: {description: Settlement that it belongs to}
--   order_trade_no: {description: Number of the order for people; has 17 digits}
--   table_id: {description: Table, not_null: true}
--   area_id: {description: Area of the hall}
--   area_name: {description: Name of the area}
--   member_id: {description: Member; null for passing guests}
--   unit_price: {description: Yuan per hour}
--   charged_seconds: {description: Time that is charged}
--   used_seconds: {description: Time for which it was used}
--   table_charge_amount: {description: Fee before anything is deducted, not_null: true}
--   coupon_amount: {description: Paid for by a coupon}
--   member_discount_amount: {description: Deducted for the member's grade}
--   adjust_amount: {description: Deducted by hand}
--   net_amount: {description: What is left to pay, not_null: true}
--   is_valid: {description: Counts, not_null: true}
--   started_at: {description: Beginning}
--   ended_at: {description: End; null where the table was closed by hand}
--   created_at: {description: When it was written down, not_null: true}
--   _batch_id: {description: Landing that brought what the row shows}
select
    f.id as table_fee_id,
    terrace.to_bigint(f.payload ->> 'site_id') as site_id,
    terrace.to_date(f.payload ->> 'create_time') as business_date,
    nullif(terrace.to_bigint(f.payload ->> 'order_settle_id'), 0) as order_settle_id,
    terrace.to_bigint(f.payload ->> 'order_trade_no') as order_trade_no,
    terrace.to_bigint(f.payload ->> 'site_table_id') as table_id,
    terrace.to_bigint(f.payload ->> 'site_table_area_id') as area_id,
    f.payload ->> 'site_table_area_name' as area_name,
    nullif(terrace.to_bigint(f.payload ->> 'member_id'), 0) as member_id,
    terrace.to_numeric(f.payload ->> 'ledger_unit_price')::numeric(14, 2) as unit_price,
    terrace.to_bigint(f.payload ->> 'ledger_count') as charged_seconds,
    terrace.to_bigint(f.payload ->> 'real_table_use_seconds') as used_seconds,
    terrace.to_numeric(f.payload ->> 'ledger_amount')::numeric(14, 2) as table_charge_amount,
    terrace.to_numeric(f.payload ->> 'coupon_promotion_amount')::numeric(14, 2) as coupon_amount,
    terrace.to_numeric(f.payload ->> 'member_discount_amount')::numeric(14, 2) as member_discount_amount,
    terrace.to_numeric(f.payload ->> 'adjust_amount')::numeric(14, 2) as adjust_amount,
    terrace.to_numeric(f.payload ->> 'real_table_charge_money')::numeric(14, 2) as net_amount,
    terrace.to_bigint(f.payload ->> 'ledger_status') = 1 and terrace.to_bigint(f.payload ->> 'is_delete') is distinct from 1 as is_valid,
    terrace.to_timestamptz(f.payload ->> 'start_use_time', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as started_at,
    terrace.to_timestamptz(f.payload ->> 'ledger_end_time', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as ended_at,
    terrace.to_timestamptz(f.payload ->> 'create_time', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as created_at,
    f._batch_id
from feiqiu_ods.table_fee_transactions as f
where f._deleted_at is null
