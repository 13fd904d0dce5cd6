-- What a page held that could not be landed.
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
    r.reason,
    r.message,
    r.place,
    r.raw
from unnest($4::text[], $5::text[], $6::text[], $7::bytea[]) with ordinality as r (reason, message, place, raw, ord)
order by r.ord
