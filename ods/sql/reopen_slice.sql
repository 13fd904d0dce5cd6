-- A slice that was left undone goes to this run. Windows and full reads begin anew, since a source's pages may have
-- shifted meanwhile; files and passes over parents go on where they stopped. A pass that has landed nothing yet sees the
-- parents of now.
update terrace.slice
set
    state = 'open',
    run_id = $7,
    pages = case when kind in ('window', 'full') then 0 else pages end,
    rows_received = case when kind in ('window', 'full') then 0 else rows_received end,
    resume = case when kind in ('window', 'full') then '' else resume end,
    snapshot = case when pages = 0 then pg_current_snapshot() else snapshot end,
    started_at = clock_timestamp(),
    ended_at = null,
    error = '',
    meta = $8
where stream = $1
    and variant = $2
    and kind = $3
    and key = $4
    and range_start is not distinct from $5
    and range_end is not distinct from $6
    and state <> 'done'
returning slice_id, resume, pages
