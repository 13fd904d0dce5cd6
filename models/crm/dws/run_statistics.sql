-- kind: view
-- depends_on: []
-- description: >-
--   Runs with what they did to this domain: rows, how many a second, and which share was left out. A step is one set of
--   statements, however many rows it handles.
-- columns:
--   run_id: {type: uuid, description: The run}
--   command: {type: text, description: Command that ran}
--   started_at: {type: timestamptz, description: When it began}
--   seconds: {type: numeric, description: How long it took}
--   steps: {type: bigint, description: Steps that did something}
--   statements: {type: bigint, description: "SQL statements that the run sent; they do not grow with rows"}
--   rows_landed: {type: bigint, description: Rows that came or changed in the streams}
--   rows_written: {type: bigint, description: Rows that changed in the models}
--   rows_rejected: {type: bigint, description: Rows that streams and models left out}
--   rows_per_second: {type: numeric, description: Rows landed and written by the time that the run took}
--   error_rate: {type: numeric, description: "Share of rows left out; null when there were none"}
-- dashboard:
--   - title: Last runs
--     title_zh: 最近运行
--     x: {started_at: {label: Started, label_zh: 开始时间}}
--     y:
--       command: {label: Command, label_zh: 命令}
--       seconds: {label: Seconds, label_zh: 秒}
--       statements: {label: Statements, label_zh: 语句数}
--       rows_landed: {label: Landed, label_zh: 落地行数}
--       rows_written: {label: Written, label_zh: 写入行数}
--       rows_per_second: {label: Rows a second, label_zh: 每秒行数}
--       error_rate: {label: Left out, label_zh: 错误率, format: percent}
--     limit: 10
--     order: 41
with done as (
    select
        s.run_id,
        count(*) as steps,
        sum(s.rows_inserted + s.rows_updated) filter (where s.kind = 'stream') as landed,
        sum(s.rows_inserted + s.rows_updated + s.rows_deleted) filter (where s.kind <> 'stream') as written,
        sum(s.rows_rejected) as rejected
    from terrace.step as s
    where s.node like 'crm\_%'
        and s.kind <> 'assertion'
        and s.status not in ('skip', 'running')
    group by s.run_id
)

select
    r.run_id,
    r.command,
    r.started_at,
    round(extract(epoch from r.ended_at - r.started_at), 3) as seconds,
    d.steps,
    (r.summary ->> 'statements')::bigint as statements,
    coalesce(d.landed, 0)::bigint as rows_landed,
    coalesce(d.written, 0)::bigint as rows_written,
    d.rejected::bigint as rows_rejected,
    round((coalesce(d.landed, 0) + coalesce(d.written, 0)) / nullif(extract(epoch from r.ended_at - r.started_at), 0), 1) as rows_per_second,
    round(d.rejected / nullif(coalesce(d.landed, 0) + coalesce(d.written, 0) + d.rejected, 0), 4) as error_rate
from done as d
join terrace.run as r
    on r.run_id = d.run_id
