comment on column terrace.assertion_result.seconds is null;
alter table terrace.step
    drop constraint step_status_check,
    add constraint step_status_check
        check (status in ('running', 'success', 'failure', 'error', 'skip', 'timeout', 'cancelled', 'partial_success'));
alter table terrace.occurrence drop column environment;
alter table terrace.schedule drop column environment;
drop table terrace.forgotten;
