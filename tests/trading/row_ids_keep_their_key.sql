-- on: [trading_dwd.fact_asset, trading_dwd.fact_trade]
-- severity: warn
-- description: >-
--   The id of a row names the same account, or the same trade, for ever. Where it does not, the exporting system has begun to
--   count anew, and rows of one object take the place of rows of another: make the object's name part of the key.
select
    'account_assets' as stream,
    v.row_id,
    array_agg(distinct v.payload ->> 'account_id') as keys
from trading_ods.account_assets__versions as v
where v.payload ->> 'account_id' is not null
group by v.row_id
having count(distinct v.payload ->> 'account_id') > 1

union all

select
    'trades',
    v.row_id,
    array_agg(distinct v._file)
from trading_ods.trades__versions as v
group by v.row_id
having count(distinct v._file) > 1
