-- on: [feiqiu_dwd.fact_coupon_redemption, feiqiu_dwd.fact_group_buy_redemption]
-- severity: warn
-- description: >-
--   Every coupon that a platform saw redeemed was redeemed at a table, for the same settlement, and the other way round. A
--   warning: the streams are read moments apart.
select
    coupon_id,
    c.coupon_status as platform_status,
    g.coupon_status as table_status,
    c.order_settle_id as platform_settlement,
    g.order_settle_id as table_settlement
from feiqiu_dwd.fact_coupon_redemption as c
full join feiqiu_dwd.fact_group_buy_redemption as g using (coupon_id)
where (c.site_id, c.package_id, c.coupon_status, c.coupon_code, c.sale_amount)
    is distinct from (g.site_id, g.package_id, g.coupon_status, g.coupon_code, g.sale_amount)
    or (c.coupon_status = 'used' and c.order_settle_id is distinct from g.order_settle_id)
