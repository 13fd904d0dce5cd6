-- kind: incremental
-- key: [redemption_id]
-- depends_on:
--   - feiqiu_ods.group_buy_redemption_records
--   - feiqiu_ref.coupon_status
-- incremental:
--   by: [redemption_id]
--   changed:
--     feiqiu_ods.group_buy_redemption_records: [id]
-- window: business_date
-- indexes:
--   - columns: [order_settle_id]
-- description: >-
--   Coupons redeemed at tables, one row each. A revoked one names a settlement that was never made.
-- columns:
--   redemption_id: {description: The redemption, not_null: true}
--   site_id: {description: Hall, not_null: true}
--   business_date: {description: Day in Asia/Shanghai, not_null: true}
--   order_settle_id: {description: Settlement that it pays for; of no meaning when revoked}
--   order_trade_no: {description: Number of the order for people; has 17 digits}
--   coupon_id: {description: "The coupon, as the platform sees it"}
--   package_id: {description: Package}
--   coupon_code: {description: What the guest showed}
--   table_id: {description: Table}
--   sale_amount: {description: Yuan that the guest paid the platform, not_null: true}
--   used_seconds: {description: Time that it paid for}
--   used_amount: {description: Yuan of table fee that it paid for, not_null: true}
--   value_amount: {description: Yuan of table fee that it stands for}
--   coupon_status: {description: What became of it}
--   redeemed_at: {description: When it was redeemed, not_null: true}
--   _batch_id: {description: Landing that brought what the row shows}
select
    g.id as redemption_id,
    terrace.to_bigint(g.payload ->> 'site_id') as site_id,
    terrace.to_date(g.payload ->> 'create_time') as business_date,
    nullif(terrace.to_bigint(g.payload ->> 'order_settle_id'), 0) as order_settle_id,
    terrace.to_bigint(g.payload ->> 'order_trade_no') as order_trade_no,
    terrace.to_bigint(g.payload ->> 'order_coupon_id') as coupon_id,
    terrace.to_bigint(g.payload ->> 'promotion_activity_id') as package_id,
    g.payload ->> 'coupon_code' as coupon_code,
    terrace.to_bigint(g.payload ->> 'table_id') as table_id,
    terrace.to_numeric(g.payload ->> 'ledger_unit_price')::numeric(14, 2) as sale_amount,
    terrace.to_bigint(g.payload ->> 'ledger_count') as used_seconds,
    terrace.to_numeric(g.payload ->> 'ledger_amount')::numeric(14, 2) as used_amount,
    terrace.to_numeric(g.payload ->> 'coupon_money')::numeric(14, 2) as value_amount,
    coalesce(status.label_en, g.payload ->> 'use_status') as coupon_status,
    terrace.to_timestamptz(g.payload ->> 'create_time', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as redeemed_at,
    g._batch_id
from feiqiu_ods.group_buy_redemption_records as g
left join feiqiu_ref.coupon_status as status
    on status.code = terrace.to_bigint(g.payload ->> 'use_status')
where g._deleted_at is null
