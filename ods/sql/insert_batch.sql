-- One committed page.
insert into terrace.batch (
    node,
    run_id,
    slice_id,
    endpoint,
    request,
    page,
    bytes,
    rows_received,
    rows_inserted,
    rows_updated,
    rows_unchanged,
    rows_rejected
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
returning batch_id
