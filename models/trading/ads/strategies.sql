-- kind: view
-- depends_on:
--   - trading_dws.trade_statistics
-- description: All trades by strategy. Amounts are yuan.
-- columns:
--   strategy: {description: Strategy}
--   trade_count: {description: Trades}
--   total_volume: {description: How many were traded}
--   total_amount: {description: For how many yuan}
--   average_price: {description: Mean of the trades' prices}
-- dashboard:
--   - title: Traded by strategy
--     title_zh: 各策略成交额
--     chart: bar
--     x: {strategy: {label: Strategy, label_zh: 策略}}
--     y: {total_amount: {label: Traded, label_zh: 成交额}}
--     unit: yuan
--     unit_zh: 元
--     format: money
--     sort: -total_amount
--     order: 31
select
    s.label as strategy,
    s.trade_count,
    s.total_volume,
    s.total_amount,
    s.average_price
from trading_dws.trade_statistics as s
where s.dimension = 'strategy'
