-- Where a slice stands, and what a page of it did when it was committed: a page number may have been landed by earlier
-- readings of the slice too, so the newest batch is the one of this reading.
select
    s.state,
    s.pages,
    s.run_id,
    b.batch_id,
    b.rows_inserted,
    b.rows_updated,
    b.rows_unchanged,
    b.rows_rejected
from terrace.slice as s
left join lateral (
    select
        batch.batch_id,
        batch.rows_inserted,
        batch.rows_updated,
        batch.rows_unchanged,
        batch.rows_rejected
    from terrace.batch
    where s.pages >= $2
        and batch.slice_id = s.slice_id
        and batch.page = $2
    order by batch.batch_id desc
    limit 1
) as b
    on true
where s.slice_id = $1
    and s.stream = $3
