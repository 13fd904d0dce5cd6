-- A slice that is read for the first time, or again after it was done. Nothing is returned when one is open already.
insert into terrace.slice (stream, variant, kind, key, range_start, range_end, run_id, meta)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (stream, variant, kind, key, range_start, range_end) where state <> 'done' do nothing
returning slice_id, resume, pages
