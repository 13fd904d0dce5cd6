-- kind: incremental
-- key: [customer_global_id]
-- depends_on:
--   - crm_dwd.fact_order
-- incremental:
--   by: [customer_global_id]
--   changed:
--     crm_dwd.fact_order: [customer_global_id]
-- description: >-
--   Customers: a name in a shop. The id is made of both, so that a customer is new when no order had that name in that
--   shop before, whoever looks and in whatever order imports come, and keeps its id in every rebuild.
-- columns:
--   customer_global_id: {type: uuid, description: The customer, not_null: true}
--   customer_key: {type: text, description: The same for people, not_null: true, unique: true}
--   customer_nickname: {type: text, description: As the shop knows it, not_null: true}
--   shop_id: {type: bigint, description: Shop, not_null: true, references: crm_ref.shop_config.shop_id}
--   first_order_id: {type: text, description: Order with which it came, not_null: true}
--   first_import_id: {type: uuid, description: Import with which it came, not_null: true}
--   created_at: {type: timestamptz, description: When that was, not_null: true}
select distinct on (o.customer_global_id)
    o.customer_global_id,
    o.shop_id || ':' || o.customer_nickname as customer_key,
    o.customer_nickname,
    o.shop_id,
    o.order_id as first_order_id,
    o.first_import_id,
    o.first_imported_at as created_at
from crm_dwd.fact_order as o
order by
    o.customer_global_id,
    o.first_imported_at,
    o.first_import_id,
    o.first_row_no
