-- kind: incremental
-- key: [movement_id]
-- depends_on:
--   - feiqiu_ods.goods_stock_movements
--   - feiqiu_ref.stock_movement_type
-- incremental:
--   by: [movement_id]
--   changed:
--     feiqiu_ods.goods_stock_movements: [site_goods_stock_id]
-- window: business_date
-- indexes:
--   - columns: [site_goods_id]
-- description: >-
--   Movements of stock, one row each: end = start + change. What an offline till has sold moves when it is known.
-- columns:
--   movement_id: {description: The movement, not_null: true}
--   site_id: {description: Hall, not_null: true}
--   business_date: {description: Day in Asia/Shanghai, not_null: true}
--   site_goods_id: {description: Goods in the hall, not_null: true}
--   category_id: {description: Category of the first level}
--   second_category_id: {description: Category of the second level}
--   movement_type: {description: Why stock moved}
--   unit: {description: Unit of counting}
--   unit_price: {description: Yuan per unit}
--   start_quantity: {description: Stock before, not_null: true}
--   change_quantity: {description: "Units that came, or went where negative", not_null: true}
--   end_quantity: {description: Stock after, not_null: true}
--   remark: {description: Text; null without one}
--   operator_name: {description: Who did it}
--   moved_at: {description: When it moved, not_null: true}
--   _batch_id: {description: Landing that brought what the row shows}
select
    m.site_goods_stock_id as movement_id,
    terrace.to_bigint(m.payload ->> 'site_id') as site_id,
    terrace.to_date(m.payload ->> 'create_time') as business_date,
    terrace.to_bigint(m.payload ->> 'site_goods_id') as site_goods_id,
    terrace.to_bigint(m.payload ->> 'goods_category_id') as category_id,
    terrace.to_bigint(m.payload ->> 'goods_second_category_id') as second_category_id,
    coalesce(movement_type.label_en, m.payload ->> 'stock_type') as movement_type,
    m.payload ->> 'unit' as unit,
    terrace.to_numeric(m.payload ->> 'price')::numeric(14, 2) as unit_price,
    terrace.to_bigint(m.payload ->> 'start_num') as start_quantity,
    terrace.to_bigint(m.payload ->> 'change_num') as change_quantity,
    terrace.to_bigint(m.payload ->> 'end_num') as end_quantity,
    nullif(m.payload ->> 'remark', '') as remark,
    m.payload ->> 'operator_name' as operator_name,
    terrace.to_timestamptz(m.payload ->> 'create_time', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as moved_at,
    m._batch_id
from feiqiu_ods.goods_stock_movements as m
left join feiqiu_ref.stock_movement_type as movement_type
    on movement_type.code = terrace.to_bigint(m.payload ->> 'stock_type')
where m._deleted_at is null
