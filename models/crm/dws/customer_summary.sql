-- kind: incremental
-- key: [customer_global_id]
-- depends_on:
--   - crm_dwd.dim_customer
--   - crm_dwd.fact_lead
-- incremental:
--   by: [customer_global_id]
--   changed:
--     crm_dwd.dim_customer: [customer_global_id]
--     crm_dwd.fact_lead: [customer_global_id]
-- description: What every customer has ordered, and how the newest lead stands.
-- columns:
--   customer_global_id: {type: uuid, description: The customer, not_null: true}
--   customer_key: {type: text, description: The same for people, not_null: true}
--   customer_nickname: {type: text, description: As the shop knows it, not_null: true}
--   shop_id: {type: bigint, description: Shop, not_null: true}
--   order_count: {type: bigint, description: Orders, not_null: true}
--   sample_count: {type: bigint, description: Orders of samples, not_null: true}
--   sample_amount: {type: "numeric(14,2)", description: For how much, not_null: true}
--   bulk_count: {type: bigint, description: All other orders, not_null: true}
--   bulk_amount: {type: "numeric(14,2)", description: For how much, not_null: true}
--   lead_count: {type: bigint, description: Leads, not_null: true}
--   current_lead_id: {type: uuid, description: Newest lead, not_null: true}
--   current_stage: {type: text, description: Its stage, not_null: true}
-- dashboard:
--   - title: Customers by bulk orders
--     title_zh: 大货客户排行
--     chart: bar
--     x: {customer_key: {label: Customer, label_zh: 客户}}
--     y: {bulk_amount: {label: Bulk, label_zh: 大货金额}}
--     unit: yuan
--     unit_zh: 元
--     format: money
--     sort: -bulk_amount
--     limit: 10
--     order: 32
select
    c.customer_global_id,
    c.customer_key,
    c.customer_nickname,
    c.shop_id,
    sum(l.sample_count + l.bulk_count)::bigint as order_count,
    sum(l.sample_count)::bigint as sample_count,
    sum(l.sample_amount)::numeric(14, 2) as sample_amount,
    sum(l.bulk_count)::bigint as bulk_count,
    sum(l.bulk_amount)::numeric(14, 2) as bulk_amount,
    count(*) as lead_count,
    (array_agg(l.lead_id order by l.lead_no desc))[1] as current_lead_id,
    (array_agg(l.current_stage order by l.lead_no desc))[1] as current_stage
from crm_dwd.dim_customer as c
join crm_dwd.fact_lead as l
    on l.customer_global_id = c.customer_global_id
group by
    c.customer_global_id,
    c.customer_key,
    c.customer_nickname,
    c.shop_id
