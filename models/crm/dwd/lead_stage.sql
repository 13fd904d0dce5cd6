-- kind: incremental
-- key: [event_id]
-- depends_on:
--   - crm_ods.lead_stages
--   - crm_ref.shop_config
-- incremental:
--   by: [event_id]
--   changed:
--     crm_ods.lead_stages: [event_id]
-- indexes:
--   - columns: [customer_global_id]
-- rejects:
--   customer_name: {when: customer_nickname is null, field: customer_nickname, message: is missing}
--   shop: {when: shop_id is null, field: shop, message: is no shop of crm_ref.shop_config}
--   stage: {when: "stage is null or stage not in ('OPEN', 'COLD', 'FOLLOWING', 'WON', 'LOST')", message: is no stage of a lead}
--   changed_at: {when: changed_at is null, message: "is no time such as 2026-01-06T01:00:00Z"}
-- description: What salespeople did to the leads of customers.
-- columns:
--   event_id: {type: text, description: The change, not_null: true}
--   customer_global_id: {type: uuid, description: Customer, not_null: true}
--   customer_nickname: {type: text, description: Customer as the shop knows it, not_null: true}
--   shop: {type: text, description: Shop as the event names it, not_null: true}
--   shop_id: {type: bigint, description: Shop, not_null: true}
--   stage: {type: text, description: Stage from then on, not_null: true, values: [OPEN, COLD, FOLLOWING, WON, LOST]}
--   changed_at: {type: timestamptz, description: When, not_null: true}
select
    s.event_id,
    md5('crm customer ' || shop_config.shop_id || ':' || (s.payload ->> 'customer_name'))::uuid as customer_global_id,
    nullif(s.payload ->> 'customer_name', '') as customer_nickname,
    s.payload ->> 'shop' as shop,
    shop_config.shop_id,
    s.payload ->> 'stage' as stage,
    terrace.to_timestamptz(s.payload ->> 'changed_at', 'YYYY-MM-DD"T"HH24:MI:SS"Z"', 'UTC') as changed_at
from crm_ods.lead_stages as s
left join crm_ref.shop_config as shop_config
    on shop_config.shop_name = s.payload ->> 'shop'
where s._deleted_at is null
