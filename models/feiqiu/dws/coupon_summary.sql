-- kind: incremental
-- key: [site_id, business_date, package_id]
-- depends_on:
--   - feiqiu_dwd.fact_group_buy_redemption
-- incremental:
--   by: [site_id, business_date]
--   changed:
--     feiqiu_dwd.fact_group_buy_redemption: [site_id, business_date]
-- window: business_date
-- description: "Coupons redeemed per hall and business day, in yuan and seconds."
-- columns:
--   site_id: {description: Hall, not_null: true}
--   business_date: {description: Day in Asia/Shanghai, not_null: true}
--   package_id: {description: Package, not_null: true}
--   redeemed_count: {description: Coupons redeemed}
--   sale_amount: {description: Yuan that guests paid the platforms for them}
--   used_amount: {description: Yuan of table fee that they paid for}
--   used_seconds: {description: Time that they paid for}
--   revoked_count: {description: Coupons handed in and taken back}
with movements as (
    select
        g.site_id,
        g.business_date,
        g.package_id,
        1::bigint as redeemed_count,
        g.sale_amount,
        g.used_amount,
        g.used_seconds,
        0::bigint as revoked_count
    from feiqiu_dwd.fact_group_buy_redemption as g
    where g.coupon_status = 'used'

    union all

    select
        g.site_id,
        g.business_date,
        g.package_id,
        0, 0, 0, 0,
        1
    from feiqiu_dwd.fact_group_buy_redemption as g
    where g.coupon_status = 'revoked'
)

select
    m.site_id,
    m.business_date,
    m.package_id,
    sum(m.redeemed_count)::bigint as redeemed_count,
    sum(m.sale_amount)::numeric(14, 2) as sale_amount,
    sum(m.used_amount)::numeric(14, 2) as used_amount,
    sum(m.used_seconds)::bigint as used_seconds,
    sum(m.revoked_count)::bigint as revoked_count
from movements as m
where m.business_date >= terrace.var('feiqiu_first_day')::date
group by
    m.site_id,
    m.business_date,
    m.package_id
