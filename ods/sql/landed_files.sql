-- The files of a stream that have been landed whole.
select
    s.key,
    coalesce(s.meta ->> 'path', ''),
    coalesce((s.meta ->> 'size')::bigint, 0),
    (s.meta ->> 'modified')::timestamptz
from terrace.slice as s
where s.stream = $1
    and s.kind = 'file'
    and s.state = 'done'
order by s.slice_id
