-- Sessions that have locks on relations, given by their quoted names as $2, or on partitions of them and views that read
-- them. What such a session executed is told without the values in it.
with recursive concerned as (
    select to_regclass(name)::oid as oid
    from unnest($2::text[]) as name
    union
    select more.oid
    from concerned
    cross join lateral (
        select i.inhrelid as oid
        from pg_inherits as i
        where i.inhparent = concerned.oid
        union all
        select r.ev_class
        from pg_depend as d
        join pg_rewrite as r
            on r.oid = d.objid
        where d.classid = 'pg_rewrite'::regclass
            and d.refclassid = 'pg_class'::regclass
            and d.refobjid = concerned.oid
    ) as more
)
select distinct
    $1::text as node,
    a.pid,
    coalesce(nullif(a.application_name, ''), 'a session without a name') as application,
    coalesce(a.usename::text, '') as role,
    coalesce(a.state, a.backend_type, '') as state,
    a.xact_start,
    left(regexp_replace(regexp_replace(coalesce(a.query, ''), '\s+', ' ', 'g'), '''[^'']*(''|$)', '''…''', 'g'), 80) as statement
from pg_locks as l
join concerned
    on concerned.oid = l.relation
join pg_stat_activity as a
    on a.pid = l.pid
where l.locktype = 'relation'
    and l.granted
    and l.database = (select d.oid from pg_database as d where d.datname = current_database())
    and a.pid <> pg_backend_pid()
    and a.leader_pid is null
order by a.xact_start, a.pid
limit 3
