-- kind: table
-- key: [import_id]
-- depends_on:
--   - crm_dwd.order_row
--   - crm_dwd.order_row__rejects
--   - crm_dwd.import_event
-- description: What became of every import, of one that was announced and has no rows, too.
-- columns:
--   import_id: {type: uuid, description: The import, not_null: true}
--   file: {type: text, description: File that it came in; null while there is none}
--   announced_rows: {type: bigint, description: Rows that its event tells of; null while it is not announced}
--   success_count: {type: bigint, description: Rows that are used, not_null: true}
--   error_count: {type: bigint, description: Rows that are left out, not_null: true}
--   status: {type: text, description: What it comes to, not_null: true, values: [success, partial_success, failed]}
--   error: {type: text, description: "Rules that rows broke, and how often; null without any"}
-- dashboard:
--   - title: Last imports
--     title_zh: 最近导入
--     x: {file: {label: File, label_zh: 文件}}
--     y:
--       announced_rows: {label: Announced, label_zh: 通知行数}
--       success_count: {label: Used, label_zh: 成功}
--       error_count: {label: Left out, label_zh: 失败}
--       status: {label: Status, label_zh: 状态}
--       error: {label: Rules that rows broke, label_zh: 原因}
--     sort: [-file]
--     limit: 10
--     order: 40
with rows_of as (
    select r.import_id, r.row_no, r._file, null::text as rule
    from crm_dwd.order_row as r
    union all
    select (r.row ->> 'import_id')::uuid, (r.row ->> 'row_no')::bigint, r.row ->> '_file', r.rule
    from crm_dwd.order_row__rejects as r
),

counted as (
    select
        r.import_id,
        min(r._file) as file,
        count(*) filter (where r.rule is null) as success_count,
        count(distinct r.row_no) filter (where r.rule is not null) as error_count
    from rows_of as r
    group by r.import_id
),

rules as (
    select
        by_rule.import_id,
        string_agg(by_rule.rule || ': ' || by_rule.times, ', ' order by by_rule.rule) as error
    from (
        select r.import_id, r.rule, count(*) as times
        from rows_of as r
        where r.rule is not null
        group by r.import_id, r.rule
    ) as by_rule
    group by by_rule.import_id
),

announced as (
    select e.import_id, max(e.row_count) as row_count
    from crm_dwd.import_event as e
    where e.status = 'completed'
    group by e.import_id
)

select
    import_id,
    c.file,
    a.row_count as announced_rows,
    coalesce(c.success_count, 0) as success_count,
    coalesce(c.error_count, 0) as error_count,
    case
        when c.success_count > 0 and c.error_count = 0 then 'success'
        when c.success_count > 0 then 'partial_success'
        else 'failed'
    end as status,
    rules.error
from counted as c
full join announced as a using (import_id)
left join rules using (import_id)
