-- on: [feiqiu_dwd.fact_ticket_line, feiqiu_dwd.fact_ticket, feiqiu_dwd.fact_settlement]
-- severity: error
-- description: >-
--   The lines of a ticket, with the settlement's service, are what was consumed; its coupon lines are what coupons paid
--   for.
with added as (
    select
        l.order_settle_id,
        sum(l.amount) filter (where l.is_consumption) as consume_amount,
        sum(l.amount) filter (where not l.is_consumption) as coupon_amount
    from feiqiu_dwd.fact_ticket_line as l
    group by l.order_settle_id
)

select
    t.order_settle_id,
    t.consume_amount as ticket_says,
    added.consume_amount as lines_say,
    s.service_amount,
    t.coupon_amount as ticket_coupons,
    added.coupon_amount as line_coupons
from feiqiu_dwd.fact_ticket as t
join feiqiu_dwd.fact_settlement as s
    on s.order_settle_id = t.order_settle_id
left join added
    on added.order_settle_id = t.order_settle_id
where t.consume_amount <> coalesce(added.consume_amount, 0) + s.service_amount
    or t.coupon_amount <> coalesce(added.coupon_amount, 0)
