-- kind: view
-- depends_on:
--   - trading_dws.asset_statistics
-- description: What accounts have now, by their type. Amounts are yuan.
-- columns:
--   account_type: {description: Type in words}
--   account_count: {description: Accounts}
--   total_cash: {description: Money that is free}
--   total_market_value: {description: What the positions are worth}
--   total_assets: {description: All of it}
-- dashboard:
--   - title: Assets by type of account
--     title_zh: 各类账户资产
--     chart: bar
--     x: {account_type: {label: Type, label_zh: 账户类型}}
--     y:
--       total_cash: {label: Cash, label_zh: 现金}
--       total_market_value: {label: Positions, label_zh: 持仓市值}
--     unit: yuan
--     unit_zh: 元
--     format: money
--     sort: -total_assets
--     order: 30
select
    s.label as account_type,
    s.account_count,
    s.total_cash,
    s.total_market_value,
    s.total_assets
from trading_dws.asset_statistics as s
where s.dimension = 'account_type'
