-- on: [crm_dwd.fact_lead]
-- severity: error
-- description: >-
--   An order that found its customer's lead OPEN or COLD took that one up: no lead but the newest is open at the time of the next.
select
    l.lead_id,
    l.customer_global_id,
    l.lead_no,
    l.current_stage
from crm_dwd.fact_lead as l
where l.current_stage in ('OPEN', 'COLD')
    and exists (
        select
        from crm_dwd.fact_lead as later
        where later.customer_global_id = l.customer_global_id
            and later.lead_no > l.lead_no
    )
