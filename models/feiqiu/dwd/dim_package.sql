-- kind: scd2
-- key: [package_id]
-- depends_on:
--   - feiqiu_ods.group_buy_packages__versions
-- description: "Hours at a table as platforms sell them, over time."
-- columns:
--   package_id: {description: The package in the hall, not_null: true}
--   site_id: {description: Hall, not_null: true}
--   platform_package_no: {description: Its number on the platform}
--   package_name: {description: Name}
--   selling_price: {description: Yuan that guests pay the platform}
--   value_amount: {description: Yuan of table fee that it stands for}
--   area_id: {description: Area of the tables it is for}
--   area_name: {description: Name of the area}
--   seconds: {description: Time at the table}
--   usable_count: {description: How many may be redeemed}
--   usable_range: {description: "When, in words"}
--   from_minute: {description: Minute of the day from which it can be redeemed}
--   until_minute: {description: Minute of the day until which it can be; 1440 is midnight}
--   usable_from: {description: Beginning of its validity}
--   usable_until: {description: End of its validity}
--   is_enabled: {description: Is offered}
--   is_removed: {description: The source marks it as deleted}
--   created_at: {description: When it was entered}
--   _batch_id: {description: Landing that brought the version}
select
    v.id as package_id,
    terrace.to_bigint(v.payload ->> 'site_id') as site_id,
    terrace.to_bigint(v.payload ->> 'package_id') as platform_package_no,
    v.payload ->> 'package_name' as package_name,
    terrace.to_numeric(v.payload ->> 'selling_price')::numeric(14, 2) as selling_price,
    terrace.to_numeric(v.payload ->> 'coupon_money')::numeric(14, 2) as value_amount,
    terrace.to_bigint(v.payload ->> 'table_area_id') as area_id,
    v.payload ->> 'table_area_name' as area_name,
    terrace.to_bigint(v.payload ->> 'duration') as seconds,
    terrace.to_bigint(v.payload ->> 'usable_count') as usable_count,
    v.payload ->> 'usable_range' as usable_range,
    extract(epoch from regexp_replace(v.payload ->> 'start_clock', '^(\d+)\.', '\1 days ')::interval)::integer / 60 as from_minute,
    extract(epoch from regexp_replace(v.payload ->> 'end_clock', '^(\d+)\.', '\1 days ')::interval)::integer / 60 as until_minute,
    terrace.to_timestamptz(v.payload ->> 'start_time', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as usable_from,
    terrace.to_timestamptz(v.payload ->> 'end_time', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as usable_until,
    terrace.to_bigint(v.payload ->> 'is_enabled') = 1 as is_enabled,
    terrace.to_bigint(v.payload ->> 'is_delete') = 1 as is_removed,
    terrace.to_timestamptz(v.payload ->> 'create_time', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as created_at,
    v._batch_id,
    v._seen_at,
    v._version,
    v._deleted_at
from feiqiu_ods.group_buy_packages__versions as v
