-- kind: incremental
-- key: [order_id]
-- depends_on:
--   - crm_dwd.fact_order
--   - crm_dwd.lead_stage
-- incremental:
--   by: [customer_global_id]
--   changed:
--     crm_dwd.fact_order: [customer_global_id]
--     crm_dwd.lead_stage: [customer_global_id]
-- indexes:
--   - columns: [customer_global_id]
--   - columns: [lead_id]
-- description: >-
--   Which lead every order belongs to. An order opens a new one when the customer has none, or when the last stage of the
--   newest one, at the time at which the order was first imported, is neither OPEN nor COLD; otherwise it takes that one up again.
-- columns:
--   order_id: {type: text, description: The order, not_null: true, references: crm_dwd.fact_order.order_id}
--   customer_global_id: {type: uuid, description: Customer, not_null: true}
--   lead_id: {type: uuid, description: Lead; made of the order that opened it, not_null: true}
--   lead_strategy: {type: text, description: What the order did, not_null: true, values: [new, reuse]}
--   order_no: {type: bigint, description: "The customer's first order has 1", not_null: true}
--   lead_no: {type: bigint, description: "The customer's first lead has 1", not_null: true}
--   opened_at: {type: timestamptz, description: When the order came, not_null: true}
with numbered as (
    select
        o.order_id,
        o.customer_global_id,
        o.first_imported_at,
        row_number() over in_time as order_no,
        lag(o.first_imported_at) over in_time as previous_at
    from crm_dwd.fact_order as o
    window in_time as (
        partition by o.customer_global_id
        order by o.first_imported_at, o.first_import_id, o.first_row_no
    )
),

judged as (
    select
        n.*,
        n.order_no = 1 or coalesce(last_stage.stage not in ('OPEN', 'COLD'), false) as is_new
    from numbered as n
    left join lateral (
        select s.stage
        from crm_dwd.lead_stage as s
        where s.customer_global_id = n.customer_global_id
            and s.changed_at > n.previous_at
            and s.changed_at <= n.first_imported_at
        order by
            s.changed_at desc,
            s.event_id desc
        limit 1
    ) as last_stage
        on true
),

counted as (
    select
        j.*,
        count(*) filter (where j.is_new) over (partition by j.customer_global_id order by j.order_no) as lead_no
    from judged as j
)

select
    c.order_id,
    c.customer_global_id,
    md5('crm lead ' || first_value(c.order_id) over (partition by c.customer_global_id, c.lead_no order by c.order_no))::uuid as lead_id,
    case when c.is_new then 'new' else 'reuse' end as lead_strategy,
    c.order_no,
    c.lead_no,
    c.first_imported_at as opened_at
from counted as c
