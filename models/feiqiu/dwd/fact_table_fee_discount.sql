-- kind: incremental
-- key: [discount_id]
-- depends_on:
--   - feiqiu_ods.table_fee_discount_records
--   - feiqiu_ref.fee_adjust_type
-- incremental:
--   by: [discount_id]
--   changed:
--     feiqiu_ods.table_fee_discount_records: [id]
-- window: business_date
-- indexes:
--   - columns: [order_settle_id]
-- description: "What the till took off table fees, one row per request; a refused one stays and is not valid."
-- columns:
--   discount_id: {description: The request, not_null: true}
--   site_id: {description: Hall, not_null: true}
--   business_date: {description: Day in Asia/Shanghai, not_null: true}
--   order_settle_id: {description: Settlement that it belongs to}
--   order_trade_no: {description: Number of the order for people; has 17 digits}
--   table_id: {description: Table}
--   table_name: {description: Name of the table then}
--   adjust_type: {description: How it was reduced}
--   discount_amount: {description: Yuan taken off, not_null: true}
--   is_valid: {description: Was granted, not_null: true}
--   applicant_name: {description: Who asked for it}
--   operator_name: {description: Who granted it}
--   created_at: {description: When it was asked for, not_null: true}
--   _batch_id: {description: Landing that brought what the row shows}
select
    d.id as discount_id,
    terrace.to_bigint(d.payload ->> 'site_id') as site_id,
    terrace.to_date(d.payload ->> 'create_time') as business_date,
    nullif(terrace.to_bigint(d.payload ->> 'order_settle_id'), 0) as order_settle_id,
    terrace.to_bigint(d.payload ->> 'order_trade_no') as order_trade_no,
    terrace.to_bigint(d.payload ->> 'site_table_id') as table_id,
    d.payload #>> '{tableProfile, table_name}' as table_name,
    coalesce(adjust_type.label_en, d.payload ->> 'adjust_type') as adjust_type,
    terrace.to_numeric(d.payload ->> 'ledger_amount')::numeric(14, 2) as discount_amount,
    terrace.to_bigint(d.payload ->> 'ledger_status') = 1 and terrace.to_bigint(d.payload ->> 'is_delete') is distinct from 1 as is_valid,
    d.payload ->> 'applicant_name' as applicant_name,
    d.payload ->> 'operator_name' as operator_name,
    terrace.to_timestamptz(d.payload ->> 'create_time', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as created_at,
    d._batch_id
from feiqiu_ods.table_fee_discount_records as d
left join feiqiu_ref.fee_adjust_type as adjust_type
    on adjust_type.code = terrace.to_bigint(d.payload ->> 'adjust_type')
where d._deleted_at is null
