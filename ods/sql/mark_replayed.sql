-- Rejects that have been landed after all. One that another session has marked is not returned.
update terrace.reject
set replayed_at = clock_timestamp()
where reject_id = any($1)
    and replayed_at is null
returning reject_id
