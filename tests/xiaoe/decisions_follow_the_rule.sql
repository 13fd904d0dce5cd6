-- on: [xiaoe_dwd.benefit_decision]
-- severity: error
-- description: >-
--   A benefit begins with its grant or is cancelled from the start, changes once at most, and is not cancelled after
--   fourteen days.
select
    b.order_id,
    count(*) as versions,
    max(b.valid_from) as last_from
from xiaoe_dwd.benefit_decision as b
group by b.order_id
having count(*) filter (where b.decision = 'grant') > 1
    or count(*) filter (where b.decision = 'cancel') > 1
    or bool_or(b.decision = 'cancel' and b.valid_from > b.final_at)
    or bool_or(b.decision = 'cancel' and not b.is_current)
    or count(*) filter (where b.is_current) <> 1
