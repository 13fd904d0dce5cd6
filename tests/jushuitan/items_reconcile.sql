-- on: [jushuitan_dwd.fact_out_order_item, jushuitan_dwd.fact_out_order]
-- severity: error
-- description: The lines of an out-order are those of what landed of it, in count, in pieces and in the amounts that the source says.
with versions as (
    select
        o.io_id,
        o.payload
    from jushuitan_ods.orders_out as o
    where o._deleted_at is null

    union all

    select
        t.io_id,
        t.payload
    from jushuitan_ods.orders_out_ts as t
    where t._deleted_at is null
),

newest as (
    select
        v.io_id,
        (array_agg(v.payload order by (v.payload ->> 'ts')::bigint desc))[1] as payload
    from versions as v
    group by v.io_id
),

landed as (
    select
        n.io_id,
        count(*) as lines,
        sum((line.content ->> 'qty')::numeric) as quantity,
        sum((line.content ->> 'sale_amount')::numeric) as sale_amount
    from newest as n
    cross join lateral jsonb_array_elements(n.payload -> 'items') as line (content)
    group by n.io_id
),

modelled as (
    select
        i.io_id,
        count(*) as lines,
        sum(i.quantity) as quantity,
        sum(i.sale_amount) as sale_amount
    from jushuitan_dwd.fact_out_order_item as i
    group by i.io_id
)

select
    io_id,
    l.lines as lines_in_ods,
    m.lines as lines_in_dwd,
    l.quantity as quantity_in_ods,
    m.quantity as quantity_in_dwd,
    l.sale_amount as amount_in_ods,
    m.sale_amount as amount_in_dwd
from landed as l
full join modelled as m using (io_id)
where (l.lines, l.quantity, l.sale_amount) is distinct from (m.lines, m.quantity, m.sale_amount)
