-- Schedules that end what takes too long, and a history that does not grow for ever.

alter table terrace.schedule
    -- What runs longer is ended; null for no limit.
    add column time_limit interval check (time_limit > interval '0'),
    -- Times at which nothing ran whose rows are no longer kept: they stay counted.
    add column forgotten_skips bigint not null default 0;

alter table terrace.occurrence
    add column time_limit interval,
    drop constraint occurrence_status_check,
    add constraint occurrence_status_check
        check (status in ('due', 'running', 'success', 'failure', 'error', 'timeout', 'cancelled', 'skip'));

-- What is forgotten is looked for from its oldest end.
create index occurrence_ended on terrace.occurrence (ended_at);
