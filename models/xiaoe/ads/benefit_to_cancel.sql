-- kind: view
-- depends_on:
--   - xiaoe_dwd.benefit_decision
-- description: >-
--   Benefits that were granted and then lost, with both moments: who takes them back reads on from the cancelled_at that was
--   reached the last time.
-- columns:
--   order_id: {description: The order}
--   user_id: {description: Whose benefit it is}
--   resource_id: {description: What was ordered}
--   ordered_at: {description: When it was ordered}
--   granted_at: {description: When it was granted}
--   cancelled_at: {description: When it was lost}
--   days_after: {description: How many days after ordering it was lost}
select
    c.order_id,
    c.user_id,
    c.resource_id,
    c.ordered_at,
    g.valid_from as granted_at,
    c.valid_from as cancelled_at,
    round((extract(epoch from c.valid_from - c.ordered_at) / 86400)::numeric, 2) as days_after
from xiaoe_dwd.benefit_decision as c
join xiaoe_dwd.benefit_decision as g
    on g.order_id = c.order_id
    and g.valid_to = c.valid_from
where c.decision = 'cancel'
    and g.decision = 'grant'
