-- kind: table
-- key: [dimension, value]
-- depends_on:
--   - trading_dws.trade_daily
--   - trading_ref.account_type
--   - trading_ref.offset_flag
-- description: All trades, overall, by type of account, by offset flag and by strategy. Each dimension adds up to the overall row.
-- columns:
--   dimension: {type: text, description: What is counted by, not_null: true, values: [overall, account_type, offset_flag, strategy]}
--   value: {type: text, description: Value of the dimension; all for overall, not_null: true}
--   label: {type: text, description: The value in words, not_null: true}
--   trade_count: {type: bigint, description: Trades, not_null: true}
--   total_volume: {type: numeric, description: How many were traded, not_null: true}
--   total_amount: {type: "numeric(20,2)", description: For how many yuan, not_null: true}
--   average_price: {type: "numeric(20,4)", description: Mean of the trades' prices, not_null: true}
--   average_volume: {type: "numeric(20,4)", description: Mean of the trades' volumes, not_null: true}
with counted as (
    select
        d.account_type,
        d.offset_flag,
        d.strategy_name,
        grouping(d.account_type, d.offset_flag, d.strategy_name) as counted_by,
        sum(d.trade_count)::bigint as trade_count,
        sum(d.traded_volume) as total_volume,
        sum(d.traded_amount) as total_amount,
        sum(d.price_total) as price_total
    from trading_dws.trade_daily as d
    group by grouping sets ((), (d.account_type), (d.offset_flag), (d.strategy_name))
)

select
    case c.counted_by
        when 7 then 'overall'
        when 3 then 'account_type'
        when 5 then 'offset_flag'
        else 'strategy'
    end as dimension,
    case c.counted_by
        when 7 then 'all'
        when 3 then c.account_type::text
        when 5 then c.offset_flag::text
        else c.strategy_name
    end as value,
    coalesce(account_type.label_en, offset_flag.label_en, c.strategy_name, 'all') as label,
    c.trade_count,
    c.total_volume,
    c.total_amount::numeric(20, 2) as total_amount,
    (c.price_total / c.trade_count)::numeric(20, 4) as average_price,
    (c.total_volume / c.trade_count)::numeric(20, 4) as average_volume
from counted as c
left join trading_ref.account_type as account_type
    on account_type.code = c.account_type
left join trading_ref.offset_flag as offset_flag
    on offset_flag.code = c.offset_flag
where c.trade_count > 0
