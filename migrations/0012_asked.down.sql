-- What waits and is no schedule's would be started by nobody who knows what it is.
update terrace.occurrence as o
set status = 'skip', reason = 'removed', ended_at = clock_timestamp()
where o.status = 'due'
    and not exists (select from terrace.schedule as s where s.name = o.schedule);
alter table terrace.occurrence
    drop column asked_by,
    drop column asked_key;
