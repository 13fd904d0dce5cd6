-- on: [feiqiu_dwd.fact_ticket_line]
-- severity: error
-- description: >-
--   A line costs its price times its pieces, or its hourly price times its time; coupon lines have their own value.
select
    l.order_settle_id,
    l.line_type,
    l.line_id,
    l.unit_price,
    l.pieces,
    l.seconds,
    l.amount
from feiqiu_dwd.fact_ticket_line as l
where l.is_consumption
    and abs(l.amount - l.unit_price * coalesce(l.pieces, l.seconds / 3600.0)) > 0.01
