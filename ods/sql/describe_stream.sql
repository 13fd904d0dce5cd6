-- What is there of a stream: its registration, and its relations with their kinds and columns.
select
    (select s.key_columns from terrace.stream as s where s.stream = $1),
    (select s.key_types from terrace.stream as s where s.stream = $1),
    coalesce(max(case when r.suffix = '' then c.relkind::text end), ''),
    coalesce(max(case when r.suffix = '__history' then c.relkind::text end), ''),
    coalesce(max(case when r.suffix = '__versions' then c.relkind::text end), ''),
    array(
        select a.attname || ' ' || format_type(a.atttypid, null)
        from pg_attribute as a
        where a.attrelid = max(case when r.suffix = '' then c.oid end)
            and a.attnum > 0
            and not a.attisdropped
        order by a.attnum
    ),
    (
        select 'lz4' = any(p.enumvals)
        from pg_settings as p
        where p.name = 'default_toast_compression'
    ),
    current_setting('client_encoding')
from (values (''), ('__history'), ('__versions')) as r (suffix)
left join pg_namespace as n
    on n.nspname = $2
left join pg_class as c
    on c.relnamespace = n.oid
    and c.relname = $3 || r.suffix
