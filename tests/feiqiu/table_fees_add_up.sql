-- on: [feiqiu_dwd.fact_table_fee]
-- severity: error
-- description: A table fee is price by time, within a fen, and what is left of it is the fee less what was deducted.
select
    f.table_fee_id,
    f.unit_price,
    f.charged_seconds,
    f.table_charge_amount,
    f.coupon_amount,
    f.member_discount_amount,
    f.adjust_amount,
    f.net_amount
from feiqiu_dwd.fact_table_fee as f
where f.net_amount is distinct from f.table_charge_amount - f.coupon_amount - f.member_discount_amount - f.adjust_amount
    or abs(f.table_charge_amount - f.unit_price * f.charged_seconds / 3600) > 0.01
