-- kind: incremental
-- key: [coupon_id]
-- depends_on:
--   - feiqiu_ods.platform_coupon_redemption_records
--   - feiqiu_ref.coupon_channel
--   - feiqiu_ref.coupon_status
-- incremental:
--   by: [coupon_id]
--   changed:
--     feiqiu_ods.platform_coupon_redemption_records: [id]
-- window: business_date
-- indexes:
--   - columns: [order_settle_id]
-- description: "Coupons as the platforms that sold them see them, one row each."
-- columns:
--   coupon_id: {description: The coupon, not_null: true}
--   site_id: {description: Hall, not_null: true}
--   business_date: {description: Day on which it was redeemed in Asia/Shanghai, not_null: true}
--   order_settle_id: {description: Settlement that it pays for; null when revoked}
--   coupon_code: {description: "What the guest shows: digits, a leading zero among them"}
--   coupon_name: {description: Name}
--   coupon_channel: {description: Platform}
--   deal_id: {description: The platform's offer}
--   package_id: {description: Package}
--   table_id: {description: Table}
--   value_amount: {description: Yuan of table fee that it stands for}
--   sale_amount: {description: Yuan that the guest paid the platform, not_null: true}
--   free_seconds: {description: Time at the table}
--   coupon_status: {description: What became of it}
--   remark: {description: Text; null without one}
--   redeemed_at: {description: When it was redeemed, not_null: true}
--   _batch_id: {description: Landing that brought what the row shows}
select
    c.id as coupon_id,
    terrace.to_bigint(c.payload ->> 'site_id') as site_id,
    terrace.to_date(c.payload ->> 'consume_time') as business_date,
    nullif(terrace.to_bigint(c.payload ->> 'site_order_id'), 0) as order_settle_id,
    c.payload ->> 'coupon_code' as coupon_code,
    c.payload ->> 'coupon_name' as coupon_name,
    coalesce(channel.label_en, c.payload ->> 'coupon_channel') as coupon_channel,
    terrace.to_bigint(c.payload ->> 'deal_id') as deal_id,
    terrace.to_bigint(c.payload ->> 'group_package_id') as package_id,
    nullif(terrace.to_bigint(c.payload ->> 'table_id'), 0) as table_id,
    terrace.to_numeric(c.payload ->> 'coupon_money')::numeric(14, 2) as value_amount,
    terrace.to_numeric(c.payload ->> 'sale_price')::numeric(14, 2) as sale_amount,
    terrace.to_bigint(c.payload ->> 'coupon_free_time') as free_seconds,
    coalesce(status.label_en, c.payload ->> 'use_status') as coupon_status,
    nullif(c.payload ->> 'coupon_remark', '') as remark,
    terrace.to_timestamptz(c.payload ->> 'consume_time', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as redeemed_at,
    c._batch_id
from feiqiu_ods.platform_coupon_redemption_records as c
left join feiqiu_ref.coupon_channel as channel
    on channel.code = terrace.to_bigint(c.payload ->> 'coupon_channel')
left join feiqiu_ref.coupon_status as status
    on status.code = terrace.to_bigint(c.payload ->> 'use_status')
where c._deleted_at is null
