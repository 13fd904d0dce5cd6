-- on: [trading_dwd.account_asset]
-- severity: warn
-- description: Accounts whose newest row is left out go on with older figures; these are they.
select
    a.account_id,
    a.updated_at as figures_of,
    array_agg(r.rule order by r.rule) as rules
from trading_dwd.account_asset as a
join trading_ods.account_assets as s
    on s.payload ->> 'account_id' = a.account_id
join trading_dwd.fact_asset__rejects as r
    on (r.row ->> 'row_id')::bigint = s.row_id
    and (r.row ->> '_version')::bigint = s._version
where r.rule <> 'account_id_twice'
group by
    a.account_id,
    a.updated_at
