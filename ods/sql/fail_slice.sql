-- A slice that could not be read to its end. One that is done stays done.
update terrace.slice
set
    state = 'failed',
    ended_at = clock_timestamp(),
    error = $2
where slice_id = $1
    and state <> 'done'
