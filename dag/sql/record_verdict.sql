-- What an assertion found and, when it passed, the state that says it need not be asked again. One that warned or failed
-- is asked in every run until it passes.
with said as (
    select *
    from jsonb_to_record($1::jsonb) as s (
        run_id uuid, assertion text, judged text, severity text, status text, failing bigint, samples jsonb, message text, seconds double precision,
        passed boolean, keep boolean, file text, file_hash text, fingerprint text, depends_on text[], cluster text, environment text
    )
),
result as (
    insert into terrace.assertion_result (run_id, assertion, node, severity, status, failing_rows, samples, message, seconds)
    select run_id, assertion, judged, severity, status, failing, samples, message, seconds
    from said
    on conflict (run_id, assertion) do update
    set
        status = excluded.status, failing_rows = excluded.failing_rows, samples = excluded.samples,
        message = excluded.message, seconds = excluded.seconds, judged_at = excluded.judged_at
),
forgotten as (
    delete from terrace.node_state as n
    using said as s
    where n.node = s.assertion
        and not s.passed
        and not s.keep
)
insert into terrace.node_state (
    node, kind, file, file_hash, fingerprint, depends_on, snapshot, cluster, environment, run_id, built_at
)
select
    s.assertion, 'assertion', s.file, s.file_hash, s.fingerprint, s.depends_on,
    pg_current_snapshot(), s.cluster, s.environment, s.run_id, clock_timestamp()
from said as s
where s.passed
on conflict (node) do update
set
    kind = excluded.kind, file = excluded.file, file_hash = excluded.file_hash, fingerprint = excluded.fingerprint,
    depends_on = excluded.depends_on, snapshot = excluded.snapshot, cluster = excluded.cluster,
    xid = excluded.xid, run_id = excluded.run_id, built_at = excluded.built_at
