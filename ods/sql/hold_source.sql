-- Leave a source alone until then. Of two holds the longer one counts.
insert into terrace.hold as h (source, until)
values ($1, clock_timestamp() + $2::interval)
on conflict (source) do update
set until = greatest(h.until, excluded.until)
