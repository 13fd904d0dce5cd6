-- The columns of some relations, by their names.
select
    r.name,
    array_agg(a.attname::text order by a.attnum),
    array_agg(format_type(a.atttypid, a.atttypmod) order by a.attnum)
from unnest($1::text[]) as r (name)
join pg_attribute as a
    on a.attrelid = to_regclass(r.name)
where a.attnum > 0
    and not a.attisdropped
group by r.name
