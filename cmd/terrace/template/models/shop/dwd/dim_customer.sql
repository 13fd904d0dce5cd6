-- kind: scd2
-- key: [customer_id]
-- depends_on:
--   - shop_ods.customers__versions
-- scd2:
--   valid_from: changed_at
-- description: Customers over time. valid_from, valid_to and is_current are added by the kind.
-- columns:
--   customer_id: {description: The customer, not_null: true}
--   name: {description: Name}
--   city: {description: City that orders go to, not_null: true}
--   changed_at: {description: When the customer became so, not_null: true}
select
    v.id as customer_id,
    v.payload ->> 'name' as name,
    v.payload ->> 'city' as city,
    terrace.to_timestamptz(v.payload ->> 'changed_at', 'YYYY-MM-DD HH24:MI:SS', 'UTC') as changed_at,
    v._seen_at,
    v._version,
    v._deleted_at
from shop_ods.customers__versions as v
