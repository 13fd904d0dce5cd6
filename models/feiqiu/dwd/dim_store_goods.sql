-- kind: scd2
-- key: [site_goods_id]
-- depends_on:
--   - feiqiu_ods.store_goods_master__versions
-- scd2:
--   # Stock moves with every sale: it is overwritten, and makes no version.
--   track: [
--     site_id, tenant_goods_id, goods_name, category_id, second_category_id, unit, sale_price,
--     cost_price, safe_quantity, is_on_sale, is_discountable, is_removed, created_at
--   ]
-- description: Goods on the halls' shelves over time; stock holds the last count seen within a version.
-- columns:
--   site_goods_id: {description: The goods in the hall, not_null: true}
--   site_id: {description: Hall, not_null: true}
--   tenant_goods_id: {description: The goods in the tenant's list}
--   goods_name: {description: Name}
--   category_id: {description: Category of the first level}
--   second_category_id: {description: Category of the second level}
--   unit: {description: Unit of counting}
--   sale_price: {description: Yuan per unit}
--   cost_price: {description: Yuan per unit to buy}
--   safe_quantity: {description: Stock below which it should be bought}
--   is_on_sale: {description: Is sold}
--   is_discountable: {description: Discounts apply}
--   is_removed: {description: The source marks it as deleted}
--   stock_quantity: {description: Stock when last seen}
--   total_sold_quantity: {description: "Sold since it was entered, as last seen"}
--   updated_at: {description: When the source last touched the record}
--   created_at: {description: When it was entered}
--   _batch_id: {description: Landing that brought the version}
select
    v.id as site_goods_id,
    terrace.to_bigint(v.payload ->> 'site_id') as site_id,
    terrace.to_bigint(v.payload ->> 'tenant_goods_id') as tenant_goods_id,
    v.payload ->> 'goods_name' as goods_name,
    terrace.to_bigint(v.payload ->> 'goods_category_id') as category_id,
    terrace.to_bigint(v.payload ->> 'goods_second_category_id') as second_category_id,
    v.payload ->> 'unit' as unit,
    terrace.to_numeric(v.payload ->> 'sale_price')::numeric(14, 2) as sale_price,
    terrace.to_numeric(v.payload ->> 'cost_price')::numeric(14, 2) as cost_price,
    terrace.to_bigint(v.payload ->> 'safe_stock') as safe_quantity,
    terrace.to_bigint(v.payload ->> 'goods_state') = 1 as is_on_sale,
    terrace.to_bigint(v.payload ->> 'is_discountable') = 1 as is_discountable,
    terrace.to_bigint(v.payload ->> 'is_delete') = 1 as is_removed,
    terrace.to_bigint(v.payload ->> 'stock') as stock_quantity,
    terrace.to_bigint(v.payload ->> 'total_sales') as total_sold_quantity,
    terrace.to_timestamptz(v.payload ->> 'update_time', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as updated_at,
    terrace.to_timestamptz(v.payload ->> 'create_time', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as created_at,
    v._batch_id,
    v._seen_at,
    v._version,
    v._deleted_at
from feiqiu_ods.store_goods_master__versions as v
