-- on: [trading_dwd.fact_trade]
-- severity: error
-- description: >-
--   No object of trades has more bad rows than trading_reject_limit allows, as a share of its rows: one that has is wrong as a
--   whole, its columns shifted or its export broken off. Five bad rows are never too many.
select
    s._file as object,
    count(*) as rows_landed,
    count(r.row_id) as rows_rejected
from trading_ods.trades as s
left join (
    select distinct
        (r.row ->> 'row_id')::bigint as row_id
    from trading_dwd.fact_trade__rejects as r
) as r
    on r.row_id = s.row_id
where s._deleted_at is null
group by s._file
having count(r.row_id) > 5
    and count(r.row_id) > count(*) * terrace.var('trading_reject_limit')::numeric
