-- Count a page of a slice, unless somebody else has counted it or has taken the slice over.
update terrace.slice
set
    pages = $2,
    rows_received = rows_received + $4,
    resume = $5,
    total_reported = coalesce($6, total_reported),
    meta = meta || coalesce($8::jsonb, '{}'),
    state = case when $7 then 'done' else state end,
    ended_at = case when $7 then clock_timestamp() end
where slice_id = $1
    and state = 'open'
    and pages = $2 - 1
    and run_id is not distinct from $3
returning stream, variant, kind
