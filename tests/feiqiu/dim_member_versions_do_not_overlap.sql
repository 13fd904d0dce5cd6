-- on: [feiqiu_dwd.dim_member]
-- severity: error
-- description: The versions of a member follow one another, and only the last one is current.
with versions as (
    select
        d.member_id,
        d.valid_from,
        d.valid_to,
        d.is_current,
        lead(d.valid_from) over (partition by d.member_id order by d.valid_from) as next_from
    from feiqiu_dwd.dim_member as d
)

select
    v.member_id,
    v.valid_from,
    v.valid_to,
    v.next_from
from versions as v
where v.valid_to <= v.valid_from
    or coalesce(v.valid_to, 'infinity') > v.next_from
    or v.is_current <> (v.valid_to is null)
