-- kind: scd2
-- key: [tenant_goods_id]
-- depends_on:
--   - feiqiu_ods.tenant_goods_master__versions
-- scd2:
--   # Being touched is no change.
--   track: [
--     goods_name, goods_no, category_id, second_category_id, unit, market_price, cost_price,
--     is_on_sale, is_discountable, is_stocked, is_in_sites, is_removed, created_at
--   ]
-- description: "Goods as the tenant lists them, over time. What a hall sells is in feiqiu_dwd.dim_store_goods."
-- columns:
--   tenant_goods_id: {description: The goods, not_null: true}
--   goods_name: {description: Name}
--   goods_no: {description: "Number, with its leading zeros"}
--   category_id: {description: Category of the first level}
--   second_category_id: {description: Category of the second level}
--   unit: {description: Unit of counting}
--   market_price: {description: Yuan per unit as listed}
--   cost_price: {description: Yuan per unit to buy}
--   is_on_sale: {description: Is sold}
--   is_discountable: {description: Discounts apply}
--   is_stocked: {description: Its stock is kept}
--   is_in_sites: {description: Some hall has it}
--   is_removed: {description: The source marks it as deleted}
--   updated_at: {description: When the source last touched the record}
--   created_at: {description: When it was entered}
--   _batch_id: {description: Landing that brought the version}
select
    v.id as tenant_goods_id,
    v.payload ->> 'goods_name' as goods_name,
    v.payload ->> 'goods_number' as goods_no,
    terrace.to_bigint(v.payload ->> 'goods_category_id') as category_id,
    terrace.to_bigint(v.payload ->> 'goods_second_category_id') as second_category_id,
    v.payload ->> 'unit' as unit,
    terrace.to_numeric(v.payload ->> 'market_price')::numeric(14, 2) as market_price,
    terrace.to_numeric(v.payload ->> 'cost_price')::numeric(14, 2) as cost_price,
    terrace.to_bigint(v.payload ->> 'goods_state') = 1 as is_on_sale,
    terrace.to_bigint(v.payload ->> 'able_discount') = 1 as is_discountable,
    terrace.to_bigint(v.payload ->> 'is_warehousing') = 1 as is_stocked,
    (v.payload ->> 'isInSite')::boolean as is_in_sites,
    terrace.to_bigint(v.payload ->> 'is_delete') = 1 as is_removed,
    terrace.to_timestamptz(v.payload ->> 'update_time', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as updated_at,
    terrace.to_timestamptz(v.payload ->> 'create_time', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as created_at,
    v._batch_id,
    v._seen_at,
    v._version,
    v._deleted_at
from feiqiu_ods.tenant_goods_master__versions as v
