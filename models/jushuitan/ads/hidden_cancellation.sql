-- kind: view
-- depends_on:
--   - jushuitan_dwd.confirmed_mirror
--   - jushuitan_dwd.fact_out_order
-- description: >-
--   Out-orders that are no sale any more, and that a mirror which asks for shipped ones alone still counts: the sales by
--   which such a mirror is too high.
-- columns:
--   io_id: {description: The out-order}
--   shop_id: {description: Shop}
--   order_date: {description: Day of payment in Asia/Shanghai}
--   mirrored_amount: {description: What the mirror counts}
--   mirrored_at: {description: Time of change that the mirror knows of}
--   cancelled_at: {description: Time of change with which it ceased to be a sale}
select
    f.io_id,
    f.shop_id,
    f.order_date,
    m.pay_amount as mirrored_amount,
    m.modified_at as mirrored_at,
    f.modified_at as cancelled_at
from jushuitan_dwd.confirmed_mirror as m
join jushuitan_dwd.fact_out_order as f
    on f.io_id = m.io_id
where not f.is_sale
