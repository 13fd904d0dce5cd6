-- kind: incremental
-- key: [lead_id]
-- depends_on:
--   - crm_dwd.order_lead
--   - crm_dwd.fact_order
--   - crm_dwd.lead_stage
-- incremental:
--   by: [customer_global_id]
--   changed:
--     crm_dwd.order_lead: [customer_global_id]
--     crm_dwd.fact_order: [customer_global_id]
--     crm_dwd.lead_stage: [customer_global_id]
-- indexes:
--   - columns: [customer_global_id]
-- description: >-
--   Business leads with the stage in which they are now and the orders that belong to them. A lead begins OPEN; what
--   salespeople do belongs to the newest lead of that time.
-- columns:
--   lead_id: {type: uuid, description: The lead, not_null: true}
--   customer_global_id: {type: uuid, description: Customer, not_null: true, references: crm_dwd.dim_customer.customer_global_id}
--   lead_no: {type: bigint, description: "The customer's first lead has 1", not_null: true}
--   current_stage: {type: text, description: Stage now, not_null: true, values: [OPEN, COLD, FOLLOWING, WON, LOST]}
--   sample_count: {type: bigint, description: Orders of samples, not_null: true}
--   sample_amount: {type: "numeric(14,2)", description: For how much, not_null: true}
--   bulk_count: {type: bigint, description: All other orders, not_null: true}
--   bulk_amount: {type: "numeric(14,2)", description: For how much, not_null: true}
--   first_order_id: {type: text, description: Order that opened it, not_null: true}
--   last_order_id: {type: text, description: Newest order of it, not_null: true}
--   created_at: {type: timestamptz, description: When it was opened, not_null: true}
--   updated_at: {type: timestamptz, description: When an order or a salesperson touched it last, not_null: true}
with leads as (
    select
        l.lead_id,
        l.customer_global_id,
        l.lead_no,
        count(*) filter (where o.system_order_type = 'SAMPLE') as sample_count,
        coalesce(sum(o.amount) filter (where o.system_order_type = 'SAMPLE'), 0) as sample_amount,
        count(*) filter (where o.system_order_type <> 'SAMPLE') as bulk_count,
        coalesce(sum(o.amount) filter (where o.system_order_type <> 'SAMPLE'), 0) as bulk_amount,
        (array_agg(l.order_id order by l.order_no))[1] as first_order_id,
        (array_agg(l.order_id order by l.order_no desc))[1] as last_order_id,
        min(l.opened_at) as created_at,
        max(l.opened_at) as last_order_at
    from crm_dwd.order_lead as l
    join crm_dwd.fact_order as o
        on o.order_id = l.order_id
    group by
        l.lead_id,
        l.customer_global_id,
        l.lead_no
),

bounded as (
    select
        l.*,
        lead(l.created_at) over (partition by l.customer_global_id order by l.lead_no) as next_created_at
    from leads as l
)

select
    b.lead_id,
    b.customer_global_id,
    b.lead_no,
    coalesce(last_stage.stage, 'OPEN') as current_stage,
    b.sample_count,
    b.sample_amount::numeric(14, 2) as sample_amount,
    b.bulk_count,
    b.bulk_amount::numeric(14, 2) as bulk_amount,
    b.first_order_id,
    b.last_order_id,
    b.created_at,
    greatest(b.last_order_at, last_stage.changed_at) as updated_at
from bounded as b
left join lateral (
    select s.stage, s.changed_at
    from crm_dwd.lead_stage as s
    where s.customer_global_id = b.customer_global_id
        and s.changed_at > b.created_at
        and (s.changed_at <= b.next_created_at or b.next_created_at is null)
    order by
        s.changed_at desc,
        s.event_id desc
    limit 1
) as last_stage
    on true
