-- kind: incremental
-- key: [site_id, business_date, table_id]
-- depends_on:
--   - feiqiu_dwd.fact_group_buy_redemption
--   - feiqiu_dwd.fact_table_fee
-- incremental:
--   by: [site_id, business_date]
--   changed:
--     feiqiu_dwd.fact_group_buy_redemption: [site_id, business_date]
--     feiqiu_dwd.fact_table_fee: [site_id, business_date]
-- window: business_date
-- description: >-
--   Use of tables per hall and business day, in yuan and seconds: net = charge - coupon - member discount -
--   adjustment.
-- columns:
--   site_id: {description: Hall, not_null: true}
--   business_date: {description: Day in Asia/Shanghai, not_null: true}
--   table_id: {description: Table, not_null: true}
--   use_count: {description: Times that the table was used}
--   charged_seconds: {description: Time that is charged}
--   used_seconds: {description: Time for which it was used}
--   table_charge_amount: {description: Fees before anything is deducted}
--   coupon_amount: {description: Paid for by coupons}
--   member_discount_amount: {description: Deducted for members' grades}
--   adjust_amount: {description: Deducted by hand}
--   net_amount: {description: What was left to pay}
--   coupon_count: {description: Coupons redeemed}
with movements as (
    select
        f.site_id,
        f.business_date,
        f.table_id,
        1::bigint as use_count,
        f.charged_seconds,
        f.used_seconds,
        f.table_charge_amount,
        f.coupon_amount,
        f.member_discount_amount,
        f.adjust_amount,
        f.net_amount,
        0::bigint as coupon_count
    from feiqiu_dwd.fact_table_fee as f
    where f.is_valid

    union all

    select
        g.site_id,
        g.business_date,
        g.table_id,
        0, 0, 0, 0, 0, 0, 0, 0,
        1
    from feiqiu_dwd.fact_group_buy_redemption as g
    where g.coupon_status = 'used'
)

select
    m.site_id,
    m.business_date,
    m.table_id,
    sum(m.use_count)::bigint as use_count,
    sum(m.charged_seconds)::bigint as charged_seconds,
    sum(m.used_seconds)::bigint as used_seconds,
    sum(m.table_charge_amount)::numeric(14, 2) as table_charge_amount,
    sum(m.coupon_amount)::numeric(14, 2) as coupon_amount,
    sum(m.member_discount_amount)::numeric(14, 2) as member_discount_amount,
    sum(m.adjust_amount)::numeric(14, 2) as adjust_amount,
    sum(m.net_amount)::numeric(14, 2) as net_amount,
    sum(m.coupon_count)::bigint as coupon_count
from movements as m
where m.business_date >= terrace.var('feiqiu_first_day')::date
group by
    m.site_id,
    m.business_date,
    m.table_id
