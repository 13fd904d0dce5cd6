-- The ledger: what ran, what it did, and what every node was built from.
-- A batch is one committed change of one node: a landed page, or a model's publish. Consumers read batches by
-- transaction visibility (xid against the snapshot they stored), never by number or clock, so that a batch which
-- commits late is still seen: numbers and clocks are taken before the commit, visibility is not.

create table terrace.run (
    run_id uuid primary key,
    command text not null,
    arguments jsonb not null default '{}',
    environment text not null default '',
    status text not null default 'running'
        check (status in ('running', 'success', 'failure', 'error', 'timeout', 'cancelled', 'partial_success')),
    started_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    host text not null default '',
    pid integer not null default 0,
    version text not null default '',
    summary jsonb
);
create index run_started_at on terrace.run (started_at desc);

create table terrace.step (
    run_id uuid not null references terrace.run on delete cascade,
    node text not null,
    kind text not null,
    status text not null
        check (status in ('running', 'success', 'failure', 'error', 'skip', 'timeout', 'cancelled', 'partial_success')),
    reason text not null default '',
    started_at timestamptz not null default clock_timestamp(),
    seconds double precision not null default 0,
    rows_inserted bigint not null default 0,
    rows_updated bigint not null default 0,
    rows_deleted bigint not null default 0,
    rows_unchanged bigint not null default 0,
    rows_rejected bigint not null default 0,
    error jsonb,
    primary key (run_id, node)
);
create index step_node on terrace.step (node, started_at desc);

create table terrace.batch (
    batch_id bigint generated always as identity primary key,
    node text not null,
    run_id uuid,
    slice_id bigint,
    xid xid8 not null default pg_current_xact_id(),
    committed_at timestamptz not null default clock_timestamp(),
    endpoint text not null default '',
    request text not null default '',
    page integer,
    bytes bigint not null default 0,
    rows_received bigint not null default 0,
    rows_inserted bigint not null default 0,
    rows_updated bigint not null default 0,
    rows_deleted bigint not null default 0,
    rows_unchanged bigint not null default 0,
    rows_rejected bigint not null default 0
);
-- Only batches that changed rows are ever looked for.
create index batch_changes on terrace.batch (node, xid)
    where rows_inserted + rows_updated + rows_deleted > 0;
create index batch_slice on terrace.batch (slice_id) where slice_id is not null;

-- What a node holds now: which definition made it, and the snapshot in which its upstream was read.
create table terrace.node_state (
    node text primary key,
    kind text not null,
    file text not null default '',
    file_hash text not null default '',
    fingerprint text not null default '',
    depends_on text[] not null default '{}',
    snapshot pg_snapshot,
    -- Who wrote the row: what the same transaction publishes is no news to the node, although the snapshot is older.
    xid xid8 not null default pg_current_xact_id(),
    -- A snapshot means something in the cluster that took it, and nowhere else.
    cluster text not null default '',
    -- The relation that the node was built as, and the database in which its oid means something. Another one under the
    -- name was put there by somebody else.
    relation oid,
    database oid,
    run_id uuid,
    built_at timestamptz not null default clock_timestamp()
);

-- The values of terrace.var() for sessions that no run opened: psql, a dashboard that reads a view.
create table terrace.variable (
    name text primary key,
    value text not null
);

create table terrace.assertion_result (
    run_id uuid not null references terrace.run on delete cascade,
    assertion text not null,
    node text not null default '',
    severity text not null check (severity in ('error', 'warn')),
    status text not null check (status in ('pass', 'fail', 'warn', 'error', 'skip')),
    failing_rows bigint not null default 0,
    samples jsonb,
    message text not null default '',
    seconds double precision not null default 0,
    judged_at timestamptz not null default clock_timestamp(),
    primary key (run_id, assertion)
);
create index assertion_result_history on terrace.assertion_result (assertion, judged_at desc);

-- Where new content waits that takes the place of another relation: filled and emptied within one transaction.
create schema terrace_stage;
