-- kind: table
-- key: [dimension, value]
-- depends_on:
--   - trading_dwd.account_asset
--   - trading_ref.account_type
-- description: What all accounts have now, overall and by their type. Amounts are yuan.
-- columns:
--   dimension: {type: text, description: What is counted by, not_null: true, values: [overall, account_type]}
--   value: {type: text, description: Value of the dimension; all for overall, not_null: true}
--   label: {type: text, description: The value in words, not_null: true}
--   account_count: {type: bigint, description: Accounts, not_null: true}
--   total_cash: {type: "numeric(20,2)", description: Money that is free, not_null: true}
--   total_frozen_cash: {type: "numeric(20,2)", description: Money that open orders hold, not_null: true}
--   total_market_value: {type: "numeric(20,2)", description: What the positions are worth, not_null: true}
--   total_assets: {type: "numeric(20,2)", description: All of it, not_null: true}
--   average_cash: {type: "numeric(20,4)", description: Mean of the accounts, not_null: true}
--   average_total_asset: {type: "numeric(20,4)", description: Mean of the accounts, not_null: true}
with counted as (
    select
        a.account_type,
        grouping(a.account_type) as is_overall,
        count(*) as account_count,
        sum(a.cash) as total_cash,
        sum(a.frozen_cash) as total_frozen_cash,
        sum(a.market_value) as total_market_value,
        sum(a.total_asset) as total_assets
    from trading_dwd.account_asset as a
    group by grouping sets ((), (a.account_type))
)

select
    case when c.is_overall = 1 then 'overall' else 'account_type' end as dimension,
    coalesce(c.account_type::text, 'all') as value,
    coalesce(account_type.label_en, 'all') as label,
    c.account_count,
    c.total_cash::numeric(20, 2) as total_cash,
    c.total_frozen_cash::numeric(20, 2) as total_frozen_cash,
    c.total_market_value::numeric(20, 2) as total_market_value,
    c.total_assets::numeric(20, 2) as total_assets,
    (c.total_cash / c.account_count)::numeric(20, 4) as average_cash,
    (c.total_assets / c.account_count)::numeric(20, 4) as average_total_asset
from counted as c
left join trading_ref.account_type as account_type
    on account_type.code = c.account_type
where c.account_count > 0
