drop index terrace.occurrence_ended;
update terrace.occurrence set status = 'failure' where status = 'timeout';
alter table terrace.occurrence
    drop column time_limit,
    drop constraint occurrence_status_check,
    add constraint occurrence_status_check
        check (status in ('due', 'running', 'success', 'failure', 'error', 'cancelled', 'skip'));
alter table terrace.schedule
    drop column time_limit,
    drop column forgotten_skips;
