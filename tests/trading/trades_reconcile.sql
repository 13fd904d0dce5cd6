-- on: [trading_dwd.fact_trade]
-- severity: error
-- description: Every landed trade is either used or left out, object by object, and the amounts are those that were landed.
with rejected as (
    select distinct (r.row ->> 'row_id')::bigint as row_id
    from trading_dwd.fact_trade__rejects as r
),

landed as (
    select
        s._file as object,
        count(*) as landed,
        count(r.row_id) as rejected,
        sum(case when r.row_id is null then (s.payload ->> 'traded_amount')::numeric end) as amount,
        sum(case when r.row_id is null then (s.payload ->> 'traded_volume')::numeric end) as volume
    from trading_ods.trades as s
    left join rejected as r
        on r.row_id = s.row_id
    where s._deleted_at is null
    group by s._file
),

used as (
    select
        f._file as object,
        count(*) as used,
        sum(f.traded_amount) as amount,
        sum(f.traded_volume) as volume
    from trading_dwd.fact_trade as f
    group by f._file
)

select
    object,
    l.landed,
    l.rejected,
    u.used,
    l.amount as landed_amount,
    u.amount as used_amount
from landed as l
full join used as u using (object)
where coalesce(l.landed, 0) <> coalesce(l.rejected, 0) + coalesce(u.used, 0)
    or l.amount is distinct from u.amount
    or l.volume is distinct from u.volume
