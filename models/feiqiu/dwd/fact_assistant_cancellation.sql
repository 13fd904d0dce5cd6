-- kind: incremental
-- key: [cancellation_id]
-- depends_on:
--   - feiqiu_dwd.fact_assistant_service
--   - feiqiu_ods.assistant_cancellation_records
-- incremental:
--   by: [site_id, table_id, assistant_no, cancelled_at]
--   changed:
--     feiqiu_dwd.fact_assistant_service: [site_id, table_id, assistant_no, created_at]
--     feiqiu_ods.assistant_cancellation_records:
--       - terrace.to_bigint(payload ->> 'siteId')
--       - terrace.to_bigint(payload ->> 'tableId')
--       - payload ->> 'assistantNo'
--       - terrace.to_timestamptz(payload ->> 'createTime', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai')
-- window: business_date
-- description: >-
--   Assistants who were sent away again, one row each, with the fee for it. The source names neither the order nor the
--   assistant's account: hall, table, number and second lead to the service that was cancelled.
-- columns:
--   cancellation_id: {description: The cancellation, not_null: true}
--   site_id: {description: Hall, not_null: true}
--   business_date: {description: Day in Asia/Shanghai, not_null: true}
--   table_id: {description: Table}
--   area_id: {description: Area of the hall}
--   assistant_no: {description: Number of the assistant within the hall}
--   assistant_name: {description: Name in the hall}
--   service_id: {description: Service that was cancelled; null when it is not found}
--   assistant_id: {description: Assistant of that service}
--   order_settle_id: {description: Settlement of that service}
--   charged_minutes: {description: Time that is charged}
--   cancel_amount: {description: Yuan for it, not_null: true}
--   cancel_reason: {description: Why; null without a reason}
--   cancelled_at: {description: When, not_null: true}
--   _batch_id: {description: Landing that brought it}
with cancellations as (
    select
        c.id as cancellation_id,
        terrace.to_bigint(c.payload ->> 'siteId') as site_id,
        terrace.to_date(c.payload ->> 'createTime') as business_date,
        terrace.to_bigint(c.payload ->> 'tableId') as table_id,
        terrace.to_bigint(c.payload ->> 'tableAreaId') as area_id,
        c.payload ->> 'assistantNo' as assistant_no,
        c.payload ->> 'assistantName' as assistant_name,
        terrace.to_bigint(c.payload ->> 'pdChargeMinutes') as charged_minutes,
        terrace.to_numeric(c.payload ->> 'assistantAbolishAmount')::numeric(14, 2) as cancel_amount,
        nullif(c.payload ->> 'trashReason', '') as cancel_reason,
        terrace.to_timestamptz(c.payload ->> 'createTime', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as cancelled_at,
        c._batch_id
    from feiqiu_ods.assistant_cancellation_records as c
    where c._deleted_at is null
),

-- Two cancelled services of one second are told apart by nothing: the first one stands for both.
services as (
    select distinct on (s.site_id, s.table_id, s.assistant_no, s.created_at)
        s.site_id,
        s.table_id,
        s.assistant_no,
        s.created_at,
        s.service_id,
        s.assistant_id,
        s.order_settle_id
    from feiqiu_dwd.fact_assistant_service as s
    where s.is_cancelled
    order by
        s.site_id,
        s.table_id,
        s.assistant_no,
        s.created_at,
        s.service_id
)

select
    c.cancellation_id,
    c.site_id,
    c.business_date,
    c.table_id,
    c.area_id,
    c.assistant_no,
    c.assistant_name,
    s.service_id,
    s.assistant_id,
    s.order_settle_id,
    c.charged_minutes,
    c.cancel_amount,
    c.cancel_reason,
    c.cancelled_at,
    c._batch_id
from cancellations as c
left join services as s
    on s.site_id = c.site_id
    and s.table_id = c.table_id
    and s.assistant_no = c.assistant_no
    and s.created_at = c.cancelled_at
