-- Rejects, newest first.
select
    r.reject_id,
    r.node,
    coalesce(r.batch_id, 0),
    r.run_id,
    r.reason,
    r.message,
    r.place,
    r.raw,
    r.rejected_at,
    r.replayed_at,
    coalesce(s.variant, ''),
    case when jsonb_typeof(s.meta -> 'columns') = 'array' then array(select jsonb_array_elements_text(s.meta -> 'columns')) end
from terrace.reject as r
left join terrace.batch as b
    on b.batch_id = r.batch_id
left join terrace.slice as s
    on s.slice_id = b.slice_id
where ($1 = '' or r.node = $1)
    and ($2 = '' or r.reason = $2)
    and ($3::uuid is null or r.run_id = $3)
    and ($4::bigint = 0 or r.reject_id = $4)
    and (not $5 or r.replayed_at is null)
    and ($7::bigint = 0 or r.reject_id < $7)
order by r.reject_id desc
limit $6
