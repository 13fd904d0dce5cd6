-- kind: scd2
-- key: [table_id]
-- depends_on:
--   - feiqiu_ods.site_tables_master__versions
--   - feiqiu_ref.table_status
-- scd2:
--   # What a table is doing changes by the minute: it is overwritten, and makes no version.
--   track: [site_id, table_name, area_id, area_name, table_price, is_reservable, is_virtual, is_free_of_charge, is_removed]
-- description: Tables of the halls over time; the columns of their present use hold the last one seen within a version.
-- columns:
--   table_id: {description: The table, not_null: true}
--   site_id: {description: Hall in which it stands, not_null: true}
--   table_name: {description: Name within the hall}
--   area_id: {description: Area of the hall}
--   area_name: {description: Name of the area}
--   table_price: {description: Yuan per hour}
--   is_reservable: {description: Can be reserved online}
--   is_virtual: {description: Stands for something that is no table}
--   is_free_of_charge: {description: Is played on without a fee}
--   is_removed: {description: The source marks it as deleted}
--   table_status: {description: What it was doing when last seen}
--   is_light_on: {description: Its light was on when last seen}
--   current_order_id: {description: Order on it when last seen; null without one}
--   opened_at: {description: When it was entered into the system}
--   _batch_id: {description: Landing that brought the version}
select
    v.id as table_id,
    terrace.to_bigint(v.payload ->> 'site_id') as site_id,
    v.payload ->> 'table_name' as table_name,
    terrace.to_bigint(v.payload ->> 'site_table_area_id') as area_id,
    v.payload ->> 'areaName' as area_name,
    terrace.to_numeric(v.payload ->> 'table_price')::numeric(14, 2) as table_price,
    terrace.to_bigint(v.payload ->> 'is_online_reservation') = 1 as is_reservable,
    terrace.to_bigint(v.payload ->> 'virtual_table') = 1 as is_virtual,
    terrace.to_bigint(v.payload ->> 'charge_free') = 1 as is_free_of_charge,
    terrace.to_bigint(v.payload ->> 'is_delete') = 1 as is_removed,
    coalesce(status.label_en, v.payload ->> 'table_status') as table_status,
    terrace.to_bigint(v.payload ->> 'light_status') = 1 as is_light_on,
    nullif(terrace.to_bigint(v.payload ->> 'order_id'), 0) as current_order_id,
    terrace.to_timestamptz(v.payload ->> 'create_time', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as opened_at,
    v._batch_id,
    v._seen_at,
    v._version,
    v._deleted_at
from feiqiu_ods.site_tables_master__versions as v
left join feiqiu_ref.table_status as status
    on status.code = terrace.to_bigint(v.payload ->> 'table_status')
