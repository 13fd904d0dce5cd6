-- The files of a stream that have been landed whole, each as it was when it was landed last: one that is put back to an
-- earlier content has changed.
select distinct on (coalesce(s.meta ->> 'path', s.key))
    s.key,
    coalesce(s.meta ->> 'path', ''),
    coalesce((s.meta ->> 'size')::bigint, 0),
    (s.meta ->> 'modified')::timestamptz
from terrace.slice as s
where s.stream = $1
    and s.kind = 'file'
    and s.state = 'done'
order by
    coalesce(s.meta ->> 'path', s.key),
    s.slice_id desc
