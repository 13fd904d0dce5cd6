-- kind: incremental
-- key: [trade_date, account_type, offset_flag, strategy_name]
-- depends_on:
--   - trading_dwd.fact_trade
-- window: trade_date
-- description: Trades of a day by type of account, offset flag and strategy; what other figures of trades are added up from.
-- columns:
--   trade_date: {type: date, description: Day in Asia/Shanghai, not_null: true}
--   account_type: {type: bigint, description: Kind of the account, not_null: true}
--   offset_flag: {type: bigint, description: What the trades did to positions, not_null: true}
--   strategy_name: {type: text, description: Strategy, not_null: true}
--   trade_count: {type: bigint, description: Trades, not_null: true}
--   traded_volume: {type: numeric, description: How many were traded, not_null: true}
--   traded_amount: {type: numeric, description: For how many yuan, not_null: true}
--   price_total: {type: numeric, description: "Sum of the trades' prices, for averages", not_null: true}
select
    t.trade_date,
    t.account_type,
    t.offset_flag,
    t.strategy_name,
    count(*) as trade_count,
    sum(t.traded_volume) as traded_volume,
    sum(t.traded_amount) as traded_amount,
    sum(t.traded_price) as price_total
from trading_dwd.fact_trade as t
group by
    t.trade_date,
    t.account_type,
    t.offset_flag,
    t.strategy_name
