-- on: [trading_dws.delivery]
-- severity: error
-- description: The objects of trading_dws.delivery have the rows that were landed from them.
with landed as (
    select s._file as object, count(*) as row_count from trading_ods.trades as s group by s._file
    union all
    select s._file, count(*) from trading_ods.account_assets as s group by s._file
)

select
    object,
    l.row_count as landed,
    d.row_count as told,
    d.valid_count,
    d.rejected_count
from landed as l
full join trading_dws.delivery as d using (object)
where l.row_count is distinct from d.row_count
    or d.row_count <> d.valid_count + d.rejected_count
