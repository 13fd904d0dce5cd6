-- kind: view
-- depends_on:
--   - trading_dws.asset_statistics
-- description: What all accounts have now, in one row. Amounts are yuan.
-- columns:
--   account_count: {description: Accounts}
--   total_assets: {description: All that they have}
--   total_cash: {description: Money that is free}
--   total_market_value: {description: What the positions are worth}
-- dashboard:
--   - {title: Assets, title_zh: 总资产, chart: number, y: total_assets, unit: yuan, unit_zh: 元, format: money, order: 10}
--   - {title: Accounts, title_zh: 账户数, chart: number, y: account_count, order: 11}
select
    s.account_count,
    s.total_assets,
    s.total_cash,
    s.total_market_value
from trading_dws.asset_statistics as s
where s.dimension = 'overall'
