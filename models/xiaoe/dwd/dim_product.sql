-- kind: scd2
-- key: [resource_id]
-- depends_on:
--   - xiaoe_ods.products__versions
--   - xiaoe_ref.resource_type
-- scd2:
--   # Counters change by the hour: they are overwritten, and make no version.
--   track: [product_name, resource_type, price_low, price_high, line_price, sale_status_code, is_removed]
-- description: >-
--   Products over time, deleted ones included. The list's time of change is a zero date, so a version is valid from the
--   moment in which it was first seen. The source sends fen, prices here are yuan.
-- columns:
--   resource_id: {type: text, description: The product, not_null: true}
--   product_id: {type: bigint, description: Its number in the shop}
--   product_name: {type: text, description: Name}
--   resource_type: {type: text, description: What kind of product; a code without a name stays as it came}
--   price_low: {type: "numeric(14,2)", description: Lowest price}
--   price_high: {type: "numeric(14,2)", description: Highest price}
--   line_price: {type: "numeric(14,2)", description: Price that is shown crossed out; 0 for none}
--   sale_status_code: {type: bigint, description: "0 off, 1 on sale, 2 waiting"}
--   is_removed: {type: boolean, description: The source marks it as deleted, not_null: true}
--   visit_count: {type: bigint, description: Visits so far}
--   sold_count: {type: bigint, description: Pieces sold so far as the source counts}
--   on_sale_at: {type: timestamptz, description: When its sale began; null where it did not}
--   created_at: {type: timestamptz, description: When it was made}
--   _batch_id: {type: bigint, description: Landing that brought the version}
select
    v.resource_id,
    terrace.to_bigint(v.payload ->> 'id') as product_id,
    v.payload ->> 'goods_name' as product_name,
    coalesce(resource_type.label_en, v.payload ->> 'resource_type') as resource_type,
    (terrace.to_numeric(v.payload ->> 'price_low') / 100)::numeric(14, 2) as price_low,
    (terrace.to_numeric(v.payload ->> 'price_high') / 100)::numeric(14, 2) as price_high,
    (terrace.to_numeric(v.payload ->> 'price_line') / 100)::numeric(14, 2) as line_price,
    terrace.to_bigint(v.payload ->> 'sale_status') as sale_status_code,
    coalesce(terrace.to_bigint(v.payload ->> 'is_deleted') = 1, false) as is_removed,
    terrace.to_bigint(v.payload ->> 'visit_num') as visit_count,
    coalesce(terrace.to_bigint(v.payload #>> '{extend, 0, sell_num}'), 0) as sold_count,
    terrace.to_timestamptz(v.payload ->> 'sale_at', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as on_sale_at,
    terrace.to_timestamptz(v.payload ->> 'created_at', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as created_at,
    v._batch_id,
    v._seen_at,
    v._version,
    v._deleted_at
from xiaoe_ods.products__versions as v
left join xiaoe_ref.resource_type as resource_type
    on resource_type.code = terrace.to_bigint(v.payload ->> 'resource_type')
