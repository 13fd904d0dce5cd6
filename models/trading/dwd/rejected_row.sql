-- kind: view
-- depends_on:
--   - trading_ods.account_assets__versions
--   - trading_ods.trades
--   - trading_dwd.fact_asset__rejects
--   - trading_dwd.fact_trade__rejects
-- description: >-
--   Rows of the bucket that are left out now, with the place, what is wrong, and the value as it was sent. A row that
--   breaks two rules is here twice. Rows of accounts that have been replaced since are in fact_asset__rejects alone.
-- columns:
--   stream: {type: text, description: Stream that landed the row}
--   object: {type: text, description: Object that it is in}
--   line: {type: bigint, description: Line of that object on which it begins}
--   row_id: {type: bigint, description: Row of the exporting system}
--   rule: {type: text, description: Rule that it breaks}
--   field: {type: text, description: Column of the object}
--   message: {type: text, description: "What is wrong, to be read after the field"}
--   value: {type: text, description: What the object has there; null when there is nothing}
--   run: {type: uuid, description: Run that found it first}
select
    'account_assets' as stream,
    r.row ->> '_file' as object,
    (r.row ->> '_line')::bigint as line,
    v.row_id,
    r.rule,
    r.field,
    r.message,
    v.payload ->> r.field as value,
    r.run
from trading_dwd.fact_asset__rejects as r
join trading_ods.account_assets__versions as v
    on v.row_id = (r.row ->> 'row_id')::bigint
    and v._version = (r.row ->> '_version')::bigint
    and v._superseded_at is null

union all

select
    'trades',
    r.row ->> '_file',
    (r.row ->> '_line')::bigint,
    s.row_id,
    r.rule,
    r.field,
    r.message,
    s.payload ->> r.field,
    r.run
from trading_dwd.fact_trade__rejects as r
join trading_ods.trades as s
    on s.row_id = (r.row ->> 'row_id')::bigint
