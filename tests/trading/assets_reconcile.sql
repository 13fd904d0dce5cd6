-- on: [trading_dwd.fact_asset]
-- severity: error
-- description: >-
--   Every landed row of accounts, with all its versions, is either used or left out, and not both; and what is used has
--   the amounts that were landed.
with landed as (
    select
        v.row_id,
        v._version,
        v.payload
    from trading_ods.account_assets__versions as v
),

rejected as (
    select distinct
        (r.row ->> 'row_id')::bigint as row_id,
        (r.row ->> '_version')::bigint as _version
    from trading_dwd.fact_asset__rejects as r
)

select
    coalesce(l.row_id, f.row_id, r.row_id) as row_id,
    l.row_id is not null as is_landed,
    f.row_id is not null as is_used,
    r.row_id is not null as is_rejected,
    l.payload ->> 'total_asset' as landed_total,
    f.total_asset as used_total
from landed as l
full join trading_dwd.fact_asset as f
    on f.row_id = l.row_id
    and f._version = l._version
full join rejected as r
    on r.row_id = l.row_id
    and r._version = l._version
where l.row_id is null
    or (f.row_id is null) = (r.row_id is null)
    or f.total_asset is distinct from (case when f.row_id is not null then (l.payload ->> 'total_asset')::numeric end)
    or f.cash is distinct from (case when f.row_id is not null then (l.payload ->> 'cash')::numeric end)
