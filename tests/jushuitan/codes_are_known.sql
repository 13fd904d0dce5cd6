-- on: [jushuitan_dwd.fact_out_order]
-- severity: warn
-- description: Every state has a name in jushuitan_ref.order_status; one without stays as the source sends it and is listed here.
select
    f.status,
    count(*) as times
from jushuitan_dwd.fact_out_order as f
where f.status not in (select s.label_en from jushuitan_ref.order_status as s)
group by f.status
