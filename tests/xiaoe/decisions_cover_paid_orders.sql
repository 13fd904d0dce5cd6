-- on: [xiaoe_dwd.benefit_decision, xiaoe_dwd.fact_order]
-- severity: error
-- description: Every order that was paid has a decision, and no other one has.
select
    order_id,
    o.is_paid,
    b.decision
from xiaoe_dwd.fact_order as o
full join (select d.order_id, d.decision from xiaoe_dwd.benefit_decision as d where d.is_current) as b using (order_id)
where coalesce(o.is_paid, false) <> (b.decision is not null)
