-- kind: incremental
-- key: [service_id]
-- depends_on:
--   - feiqiu_ods.assistant_service_records
--   - feiqiu_ref.assistant_service_type
-- incremental:
--   by: [service_id]
--   changed:
--     feiqiu_ods.assistant_service_records: [id]
-- window: business_date
-- indexes:
--   - columns: [order_settle_id]
--   - columns: [site_id, table_id, assistant_no, created_at]
-- description: "Time of assistants with guests, one row per service. A cancelled one costs nothing and stays."
-- columns:
--   service_id: {description: The service, not_null: true}
--   site_id: {description: Hall, not_null: true}
--   business_date: {description: Day on which it was settled in Asia/Shanghai, not_null: true}
--   order_settle_id: {description: Settlement that it belongs to}
--   order_trade_no: {description: Number of the order for people; has 17 digits}
--   assistant_id: {description: Assistant, not_null: true}
--   assistant_no: {description: Number within the hall}
--   level_code: {description: Level then}
--   table_id: {description: Table}
--   member_id: {description: Member; null for passing guests}
--   service_type: {description: What the assistant was asked for}
--   unit_price: {description: Yuan per hour}
--   charged_seconds: {description: Time that is charged}
--   used_seconds: {description: Time that it took}
--   service_amount: {description: Yuan, not_null: true}
--   is_cancelled: {description: Was cancelled, not_null: true}
--   cancel_reason: {description: Why; null without a reason}
--   started_at: {description: Beginning}
--   ended_at: {description: End}
--   created_at: {description: When it was written down, not_null: true}
--   _batch_id: {description: Landing that brought what the row shows}
select
    a.id as service_id,
    terrace.to_bigint(a.payload ->> 'site_id') as site_id,
    terrace.to_date(a.payload ->> 'create_time') as business_date,
    nullif(terrace.to_bigint(a.payload ->> 'order_settle_id'), 0) as order_settle_id,
    terrace.to_bigint(a.payload ->> 'order_trade_no') as order_trade_no,
    terrace.to_bigint(a.payload ->> 'site_assistant_id') as assistant_id,
    a.payload ->> 'assistant_no' as assistant_no,
    terrace.to_bigint(a.payload ->> 'assistant_level')::integer as level_code,
    nullif(terrace.to_bigint(a.payload ->> 'site_table_id'), 0) as table_id,
    nullif(terrace.to_bigint(a.payload ->> 'tenant_member_id'), 0) as member_id,
    coalesce(service_type.label_en, a.payload ->> 'service_type') as service_type,
    terrace.to_numeric(a.payload ->> 'ledger_unit_price')::numeric(14, 2) as unit_price,
    terrace.to_bigint(a.payload ->> 'ledger_count') as charged_seconds,
    terrace.to_bigint(a.payload ->> 'real_use_seconds') as used_seconds,
    terrace.to_numeric(a.payload ->> 'ledger_amount')::numeric(14, 2) as service_amount,
    terrace.to_bigint(a.payload ->> 'is_delete') = 1 as is_cancelled,
    nullif(a.payload ->> 'trash_reason', '') as cancel_reason,
    terrace.to_timestamptz(a.payload ->> 'start_use_time', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as started_at,
    terrace.to_timestamptz(a.payload ->> 'last_use_time', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as ended_at,
    terrace.to_timestamptz(a.payload ->> 'create_time', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as created_at,
    a._batch_id
from feiqiu_ods.assistant_service_records as a
left join feiqiu_ref.assistant_service_type as service_type
    on service_type.code = terrace.to_bigint(a.payload ->> 'service_type')
where a._deleted_at is null
