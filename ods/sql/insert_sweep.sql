-- One committed listing of a source's keys.
insert into terrace.batch (
    node,
    run_id,
    endpoint,
    request,
    rows_received,
    rows_deleted,
    rows_unchanged
)
values ($1, $2, $3, $4, $5, $6, $7)
returning batch_id
