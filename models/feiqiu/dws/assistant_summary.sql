-- kind: incremental
-- key: [site_id, business_date, assistant_id]
-- depends_on:
--   - feiqiu_dwd.fact_assistant_cancellation
--   - feiqiu_dwd.fact_assistant_service
-- incremental:
--   by: [site_id, business_date]
--   changed:
--     feiqiu_dwd.fact_assistant_cancellation: [site_id, business_date]
--     feiqiu_dwd.fact_assistant_service: [site_id, business_date]
-- window: business_date
-- description: >-
--   Work of assistants per hall and business day, in yuan and seconds. Cancelled services are no work; the fee for
--   them stands apart.
-- columns:
--   site_id: {description: Hall, not_null: true}
--   business_date: {description: Day in Asia/Shanghai, not_null: true}
--   assistant_id: {description: Assistant, not_null: true}
--   service_count: {description: Services}
--   play_seconds: {description: Time of playing along}
--   overtime_seconds: {description: Time beyond the hours}
--   play_amount: {description: Yuan for playing along}
--   overtime_amount: {description: Yuan for time beyond the hours}
--   service_amount: {description: Yuan for all services}
--   cancel_count: {description: Services cancelled}
--   cancel_amount: {description: Yuan for those}
with movements as (
    select
        a.site_id,
        a.business_date,
        a.assistant_id,
        1::bigint as service_count,
        case when a.service_type = 'play_with' then a.charged_seconds else 0 end as play_seconds,
        case when a.service_type = 'overtime' then a.charged_seconds else 0 end as overtime_seconds,
        case when a.service_type = 'play_with' then a.service_amount else 0 end as play_amount,
        case when a.service_type = 'overtime' then a.service_amount else 0 end as overtime_amount,
        a.service_amount,
        0::bigint as cancel_count,
        0::numeric as cancel_amount
    from feiqiu_dwd.fact_assistant_service as a
    where not a.is_cancelled

    union all

    select
        c.site_id,
        c.business_date,
        c.assistant_id,
        0, 0, 0, 0, 0, 0,
        1,
        c.cancel_amount
    from feiqiu_dwd.fact_assistant_cancellation as c
    where c.assistant_id is not null
)

select
    m.site_id,
    m.business_date,
    m.assistant_id,
    sum(m.service_count)::bigint as service_count,
    sum(m.play_seconds)::bigint as play_seconds,
    sum(m.overtime_seconds)::bigint as overtime_seconds,
    sum(m.play_amount)::numeric(14, 2) as play_amount,
    sum(m.overtime_amount)::numeric(14, 2) as overtime_amount,
    sum(m.service_amount)::numeric(14, 2) as service_amount,
    sum(m.cancel_count)::bigint as cancel_count,
    sum(m.cancel_amount)::numeric(14, 2) as cancel_amount
from movements as m
where m.business_date >= terrace.var('feiqiu_first_day')::date
group by
    m.site_id,
    m.business_date,
    m.assistant_id
