-- A ledger that may be cut, schedules that belong to an environment, and columns that say what they are for.

-- What old runs, steps and batches counted, once they are deleted: counters of /metrics never go back.
create table terrace.forgotten (
    what text not null check (what in ('run', 'step', 'landing')),
    -- The command of a run, the node of a step or a landing.
    name text not null,
    -- How it ended; '' for landings.
    result text not null,
    -- The bound of the histogram, in seconds, that runs of this row did not reach; infinity for the rest.
    below double precision not null,
    -- How many runs or steps, or how many records were landed.
    count bigint not null,
    -- Exact to the microsecond, so that it does not matter in which order it was added up.
    seconds numeric not null default 0,
    bytes bigint not null default 0,
    primary key (what, name, result, below)
);

-- Whoever counts the ledger counts this as well; roles are given what is new only when somebody asks for it again.
do $$
declare
    wanted text;
begin
    foreach wanted in array array['terrace_loader', 'terrace_transformer'] loop
        if to_regrole(wanted) is not null then
            execute format('grant select on terrace.forgotten to %I', wanted);
        end if;
    end loop;
end
$$;

-- Where a schedule's commands run, and which schedulers start them: those of the same environment that is built apart, or
-- of production, which is ''.
alter table terrace.schedule add column environment text not null default '';
alter table terrace.occurrence add column environment text not null default '';

-- What runs now is known by its sessions, which end with it: no row would say so after a crash.
alter table terrace.step
    drop constraint step_status_check,
    add constraint step_status_check
        check (status in ('success', 'failure', 'error', 'skip', 'timeout', 'cancelled', 'partial_success'));
comment on column terrace.assertion_result.seconds is
    'how long its question took; those that one scan answered share its time';
