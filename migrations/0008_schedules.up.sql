-- Schedules: which command runs when, and what became of every time at which one was due. No process leads: whoever
-- finds a schedule due decides on its times in one statement that goes through only where nobody else has, so that two
-- schedulers, a paused one that wakes up, or one that was killed can neither double an occurrence nor lose one.

create table terrace.schedule (
    name text primary key check (name ~ '^[a-z][a-z0-9_-]{0,62}$'),
    -- Five fields of cron, or 'every 30m', or 'every 1d at 02:00', in the zone's wall time.
    spec text not null,
    zone text not null,
    -- The command with its arguments, as after the word terrace.
    arguments text[] not null check (cardinality(arguments) > 0),
    catch_up text not null check (catch_up in ('none', 'latest', 'all')),
    -- How old a missed time may be to be caught up with.
    catch_up_window interval not null check (catch_up_window >= interval '0'),
    overlap text not null check (overlap in ('skip', 'queue', 'cancel')),
    -- A start is put off by up to this, by the same amount wherever it is computed.
    jitter interval not null check (jitter >= interval '0'),
    -- The first time on which nobody has decided yet.
    next_at timestamptz not null,
    paused_at timestamptz,
    paused_until timestamptz,
    pause_reason text not null default '',
    -- Counts changes made by people: a decision that was made on an older state does not go through.
    revision bigint not null default 1,
    created_at timestamptz not null default clock_timestamp(),
    changed_at timestamptz not null default clock_timestamp()
);
create index schedule_next on terrace.schedule (next_at);

-- Every time at which a schedule was due, with what became of it; also those on which nothing ran, with the reason.
create table terrace.occurrence (
    occurrence_id bigint generated always as identity primary key,
    -- No reference: what happened stays known when the schedule is gone.
    schedule text not null,
    scheduled_for timestamptz not null,
    manual boolean not null default false,
    arguments text[] not null,
    -- Not before this: the time itself, and what jitter adds.
    start_at timestamptz not null,
    status text not null
        check (status in ('due', 'running', 'success', 'failure', 'error', 'cancelled', 'skip')),
    reason text not null default '',
    started_at timestamptz,
    ended_at timestamptz,
    -- The run of the ledger that it became; it has none when it ended before one began.
    run_id uuid,
    exit_code integer,
    host text not null default '',
    pid integer not null default 0,
    -- Where its output is, on that host.
    log text not null default '',
    -- Until then a scheduler is starting it, and others leave it alone.
    reserved_until timestamptz,
    cancel_requested boolean not null default false,
    unique (schedule, scheduled_for),
    check ((status in ('due', 'running')) = (ended_at is null))
);
-- No schedule runs beside itself, whoever starts it.
create unique index occurrence_running on terrace.occurrence (schedule) where status = 'running';
create index occurrence_due on terrace.occurrence (start_at) where status = 'due';
