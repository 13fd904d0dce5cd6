-- on: [trading_dws.trade_statistics, trading_dws.asset_statistics]
-- severity: error
-- description: Each dimension of the statistics adds up to the overall row, and that to the facts.
with told as (
    select
        'trades' as subject,
        t.dimension,
        sum(t.trade_count) as records,
        sum(t.total_amount) as amount
    from trading_dws.trade_statistics as t
    group by t.dimension

    union all

    select
        'assets',
        a.dimension,
        sum(a.account_count),
        sum(a.total_assets)
    from trading_dws.asset_statistics as a
    group by a.dimension
),

facts as (
    select 'trades' as subject, count(*) as records, sum(t.traded_amount) as amount from trading_dwd.fact_trade as t
    union all
    select 'assets', count(*), sum(a.total_asset) from trading_dwd.account_asset as a
)

select
    subject,
    t.dimension,
    t.records as records_told,
    f.records,
    t.amount as amount_told,
    f.amount
from facts as f
full join told as t using (subject)
where f.records > 0
    and (t.records, t.amount) is distinct from (f.records, f.amount)
