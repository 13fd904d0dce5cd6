-- on: [xiaoe_dwd.fact_order, xiaoe_dwd.fact_refund]
-- severity: warn
-- description: Every code has a name in xiaoe_ref; a code without one stays a number and is listed here.
with used as (
    select 'order_state' as code_table, o.order_state as value from xiaoe_dwd.fact_order as o
    union all
    select 'resource_type', o.resource_type from xiaoe_dwd.fact_order as o
    union all
    select 'ship_state', o.ship_state from xiaoe_dwd.fact_order as o
    union all
    select 'aftersale_state', r.state from xiaoe_dwd.fact_refund as r
)

select
    u.code_table,
    u.value,
    count(*) as times
from used as u
where u.value is null
    or u.value ~ '^-?[0-9]+$'
group by
    u.code_table,
    u.value
