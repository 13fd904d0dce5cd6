-- on: [trading_dwd.fact_asset]
-- severity: error
-- description: >-
--   No object of accounts has more bad rows than trading_reject_limit allows, as a share of its rows: one that has is wrong as a
--   whole, its columns shifted or its export broken off. Five bad rows are never too many.
select
    s._file as object,
    count(*) as rows_landed,
    count(r.row_id) as rows_rejected
from trading_ods.account_assets as s
left join (
    select distinct
        (r.row ->> 'row_id')::bigint as row_id,
        (r.row ->> '_version')::bigint as _version
    from trading_dwd.fact_asset__rejects as r
) as r
    on r.row_id = s.row_id
    and r._version = s._version
where s._deleted_at is null
group by s._file
having count(r.row_id) > 5
    and count(r.row_id) > count(*) * terrace.var('trading_reject_limit')::numeric
