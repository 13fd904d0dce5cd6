-- on: [feiqiu_dwd.fact_ticket]
-- severity: error
-- description: Tickets landed and modelled agree per hall and day, in count and in sum.
with landed as (
    select
        (s.payload ->> 'siteId')::bigint as site_id,
        left(s.payload ->> 'payTime', 10)::date as business_date,
        count(*) as records,
        sum((s.payload ->> 'consumeMoney')::numeric) as amount
    from feiqiu_ods.settlement_ticket_details as s
    where s._deleted_at is null
    group by 1, 2
),

modelled as (
    select
        f.site_id,
        f.business_date,
        count(*) as records,
        sum(f.consume_amount) as amount
    from feiqiu_dwd.fact_ticket as f
    group by f.site_id, f.business_date
)

select
    site_id,
    business_date,
    l.records as records_in_ods,
    m.records as records_in_dwd,
    l.amount as amount_in_ods,
    m.amount as amount_in_dwd
from landed as l
full join modelled as m using (site_id, business_date)
where (l.records, l.amount) is distinct from (m.records, m.amount)
