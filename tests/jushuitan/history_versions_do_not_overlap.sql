-- on: [jushuitan_dwd.out_order_history]
-- severity: error
-- description: The versions of an out-order follow one another, and only the last one is current.
with versions as (
    select
        h.io_id,
        h.valid_from,
        h.valid_to,
        h.is_current,
        lead(h.valid_from) over (partition by h.io_id order by h.valid_from) as next_from
    from jushuitan_dwd.out_order_history as h
)

select
    v.io_id,
    v.valid_from,
    v.valid_to,
    v.next_from
from versions as v
where v.valid_to <= v.valid_from
    or coalesce(v.valid_to, 'infinity') > v.next_from
    or v.is_current <> (v.valid_to is null)
