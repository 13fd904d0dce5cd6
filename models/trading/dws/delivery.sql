-- kind: table
-- key: [object]
-- depends_on:
--   - trading_dwd.fact_asset
--   - trading_dwd.fact_trade
--   - trading_dwd.rejected_row
-- description: >-
--   Objects of the bucket with how many of their rows are used and how many are left out. A row of accounts that was
--   replaced by a bad one counts as left out, although the account goes on with what it had.
-- columns:
--   object: {type: text, description: Object, not_null: true}
--   stream: {type: text, description: Stream that lands it, not_null: true}
--   row_count: {type: bigint, description: Rows that could be landed, not_null: true}
--   valid_count: {type: bigint, description: Rows that break no rule, not_null: true}
--   rejected_count: {type: bigint, description: Rows that break one, not_null: true}
--   rejected_share: {type: "numeric(6,4)", description: Of all rows; 1 is all of them, not_null: true}
-- dashboard:
--   - title: Objects and their rows
--     title_zh: 文件与行数
--     x: {object: {label: Object, label_zh: 文件}}
--     y:
--       row_count: {label: Rows, label_zh: 行数}
--       valid_count: {label: Used, label_zh: 有效}
--       rejected_count: {label: Left out, label_zh: 拒绝}
--       rejected_share: {label: Share left out, label_zh: 拒绝率, format: percent}
--     sort: [-rejected_count, object]
--     limit: 10
--     order: 40
with counted as (
    select
        t._file as object,
        'trades' as stream,
        count(*) as valid_count,
        0 as rejected_count
    from trading_dwd.fact_trade as t
    group by t._file

    union all

    select
        newest._file,
        'account_assets',
        count(*),
        0
    from (
        select distinct on (f.row_id) f._file, f.row_id, f._version
        from trading_dwd.fact_asset as f
        order by f.row_id, f._version desc
    ) as newest
    where not exists (
        select
        from trading_dwd.rejected_row as r
        where r.stream = 'account_assets'
            and r.row_id = newest.row_id
    )
    group by newest._file

    union all

    select
        r.object,
        r.stream,
        0,
        count(distinct r.row_id)
    from trading_dwd.rejected_row as r
    group by r.object, r.stream
)

select
    c.object,
    c.stream,
    sum(c.valid_count + c.rejected_count)::bigint as row_count,
    sum(c.valid_count)::bigint as valid_count,
    sum(c.rejected_count)::bigint as rejected_count,
    (sum(c.rejected_count) / sum(c.valid_count + c.rejected_count))::numeric(6, 4) as rejected_share
from counted as c
group by
    c.object,
    c.stream
