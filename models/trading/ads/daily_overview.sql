-- kind: view
-- depends_on:
--   - trading_dws.trade_daily
-- description: Trades of all accounts, day by day in Asia/Shanghai.
-- columns:
--   trade_date: {description: Day}
--   trade_count: {description: Trades}
--   traded_volume: {description: How many were traded}
--   traded_amount: {description: For how many yuan}
--   average_price: {description: Mean of the trades' prices}
-- dashboard:
--   - {title: Traded per day, title_zh: 当日成交额, chart: number, x: trade_date, y: traded_amount, unit: yuan, unit_zh: 元, format: money, order: 12}
--   - {title: Trades, title_zh: 成交笔数, chart: number, x: trade_date, y: trade_count, order: 13}
--   - {title: Mean price, title_zh: 成交均价, chart: number, x: trade_date, y: average_price, unit: yuan, unit_zh: 元, format: money, order: 14}
--   - title: Traded per day
--     title_zh: 每日成交额
--     chart: line
--     x: trade_date
--     y: {traded_amount: {label: Traded, label_zh: 成交额}}
--     unit: yuan
--     unit_zh: 元
--     format: money
--     order: 20
--   - title: Trades per day
--     title_zh: 每日成交笔数
--     chart: bar
--     x: trade_date
--     y: {trade_count: {label: Trades, label_zh: 成交笔数}}
--     limit: 30
--     order: 21
select
    t.trade_date,
    sum(t.trade_count)::bigint as trade_count,
    sum(t.traded_volume) as traded_volume,
    sum(t.traded_amount) as traded_amount,
    round(sum(t.price_total) / nullif(sum(t.trade_count), 0), 4) as average_price
from trading_dws.trade_daily as t
group by t.trade_date
