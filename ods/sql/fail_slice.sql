-- A slice that could not be read to its end. One that is done stays done, and one that another run has is that run's.
update terrace.slice
set
    state = 'failed',
    ended_at = clock_timestamp(),
    error = $2
where slice_id = $1
    and state <> 'done'
    and run_id is not distinct from $3
