-- What a page held that could not be landed. What an earlier run rejected for the same reason, and of the same file where
-- there are files, is not written twice: it has been met again, now and here.
with received as (
    select
        r.ord,
        r.reason,
        r.message,
        r.place,
        r.raw,
        case when $8 then regexp_replace(r.place, ':[0-9]+$', '') end as file
    from unnest($4::text[], $5::text[], $6::text[], $7::bytea[]) with ordinality as r (reason, message, place, raw, ord)
), numbered as (
    select
        received.*,
        row_number() over (partition by received.reason, received.file, received.raw order by received.ord) as nth
    from received
), known as (
    select
        k.reject_id,
        k.reason,
        k.raw,
        case when $8 then regexp_replace(k.place, ':[0-9]+$', '') end as file,
        row_number() over (
            partition by k.reason, case when $8 then regexp_replace(k.place, ':[0-9]+$', '') end, k.raw
            order by k.reject_id
        ) as nth
    from terrace.reject as k
    where k.node = $1
        and k.replayed_at is null
        and k.run_id is distinct from $3
        and (k.reason, k.raw) in (select received.reason, received.raw from received)
), again as (
    update terrace.reject as t
    set batch_id = $2,
        run_id = $3,
        message = n.message,
        place = n.place,
        rejected_at = clock_timestamp()
    from numbered as n
    inner join known as k
        on k.reason = n.reason
        and k.file is not distinct from n.file
        and k.raw = n.raw
        and k.nth = n.nth
    where t.reject_id = k.reject_id
    returning n.ord
)
insert into terrace.reject (
    node,
    batch_id,
    run_id,
    reason,
    message,
    place,
    raw
)
select
    $1,
    $2,
    $3,
    n.reason,
    n.message,
    n.place,
    n.raw
from numbered as n
where not exists (select from again where again.ord = n.ord)
order by n.ord
