-- The size of the database now, and how much it has grown in a day: against the newest measure that is about a day old at
-- least, and a week at most. Measures are kept once an hour, for sixty days.
with forgotten as (
    delete from terrace.database_size as d
    where d.measured_at < clock_timestamp() - interval '60 days'
), measured as materialized (
    select
        clock_timestamp() as measured_at,
        pg_database_size(current_database()) as bytes
), kept as (
    insert into terrace.database_size (measured_at, bytes)
    select
        m.measured_at,
        m.bytes
    from measured as m
    where not exists (select from terrace.database_size as d where d.measured_at > m.measured_at - interval '1 hour')
    on conflict do nothing
)
select
    m.bytes,
    (
        select ((m.bytes - d.bytes) / extract(epoch from m.measured_at - d.measured_at) * 86400)::bigint
        from terrace.database_size as d
        where d.measured_at between m.measured_at - interval '7 days' and m.measured_at - interval '23 hours'
        order by d.measured_at desc
        limit 1
    )
from measured as m
