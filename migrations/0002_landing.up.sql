-- Landing: which part of a source has been read completely, from where to go on, and what could not be landed.

-- A slice is one stretch of a stream that is read as a whole: a time window, a full read, a file, a pass over parents.
-- It is done when its last page has been committed, in the same transaction.
create table terrace.slice (
    slice_id bigint generated always as identity primary key,
    stream text not null,
    -- The fan-out value (each, route) that this slice was read for; '' where there is none.
    variant text not null default '',
    kind text not null check (kind in ('window', 'full', 'file', 'parents')),
    -- What tells slices of one kind apart: nothing for windows (their range does), path and content hash for files.
    key text not null default '',
    range_start timestamptz,
    range_end timestamptz,
    state text not null default 'open' check (state in ('open', 'done', 'failed')),
    -- Where reading goes on after the last committed page, for sources that can: an opaque text of the reader's.
    resume text not null default '',
    -- Taken when the slice was opened: what a pass over parents has seen when it is done.
    snapshot pg_snapshot not null default pg_current_snapshot(),
    run_id uuid,
    pages integer not null default 0,
    rows_received bigint not null default 0,
    total_reported bigint,
    started_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    error text not null default '',
    meta jsonb not null default '{}',
    check ((kind = 'window') = (range_start is not null and range_end is not null)),
    check (range_start < range_end)
);
-- One open slice of a kind and range at a time: a second reader of the same range finds the first.
create unique index slice_open on terrace.slice (stream, variant, kind, key, range_start, range_end) nulls not distinct
    where state <> 'done';
create index slice_history on terrace.slice (stream, variant, range_start);
create index slice_file on terrace.slice (stream, key) where kind = 'file' and state = 'done';

-- Per stream and fan-out value: everything before the watermark has been read without a hole.
create table terrace.cursor (
    stream text not null,
    variant text not null default '',
    watermark timestamptz,
    -- Parents seen by this snapshot have had their details fetched.
    snapshot pg_snapshot,
    last_run_id uuid,
    last_started_at timestamptz,
    last_ended_at timestamptz,
    updated_at timestamptz not null default clock_timestamp(),
    primary key (stream, variant)
);

-- What a stream's table was made from; a changed key is refused, not followed.
create table terrace.stream (
    stream text primary key,
    key_columns text[] not null,
    key_types text[] not null,
    created_at timestamptz not null default clock_timestamp()
);

create table terrace.reject (
    reject_id bigint generated always as identity primary key,
    node text not null,
    batch_id bigint,
    run_id uuid,
    reason text not null,
    message text not null default '',
    place text not null default '',
    raw bytea not null,
    rejected_at timestamptz not null default clock_timestamp(),
    replayed_at timestamptz
);
create index reject_node on terrace.reject (node, rejected_at desc);

create table terrace.token (
    source text primary key,
    access text not null,
    refresh text not null default '',
    expires_at timestamptz,
    updated_at timestamptz not null default clock_timestamp()
);
