-- kind: table
-- key: [shop_id]
-- depends_on:
--   - jushuitan_dwd.fact_out_order
-- description: Shops that out-orders name, with their name as the newest of them says it.
-- columns:
--   shop_id: {type: bigint, description: Shop, not_null: true}
--   shop_name: {type: text, description: Name of the shop}
select distinct on (f.shop_id)
    f.shop_id,
    f.shop_name
from jushuitan_dwd.fact_out_order as f
order by
    f.shop_id,
    f.row_version desc
