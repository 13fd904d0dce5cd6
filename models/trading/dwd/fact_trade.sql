-- kind: incremental
-- key: [traded_id]
-- depends_on:
--   - trading_ods.trades
--   - trading_dwd.dim_account
--   - trading_ref.account_type
--   - trading_ref.direction
--   - trading_ref.offset_flag
-- incremental:
--   by: [traded_id]
--   changed:
--     trading_ods.trades: ["payload ->> 'traded_id'"]
--     # An account that comes, or goes, concerns its trades: those that are here and those that wait among the rejects.
--     trading_dwd.dim_account:
--       - >-
--         unnest(array(
--         select f.traded_id from trading_dwd.fact_trade as f where f.account_id = dim_account.account_id
--         union all
--         select r.row ->> 'traded_id' from trading_dwd.fact_trade__rejects as r where r.row ->> 'account_id' = dim_account.account_id))
-- window: trade_date
-- indexes:
--   - columns: [account_id]
--   - columns: [trade_date]
--   - columns: [stock_code]
-- rejects:
--   traded_id: {when: traded_id is null or length(traded_id) > 50, message: "is missing, or longer than 50 characters"}
--   traded_id_twice: {when: is_repeated, field: traded_id, message: is in another row with a smaller id}
--   account_id: {when: account_id is null or length(account_id) > 20, message: "is missing, or longer than 20 characters"}
--   account_unknown:
--     when: account_id not in (select a.account_id from trading_dwd.dim_account as a)
--     field: account_id
--     message: is no account of which a row was ever accepted
--   account_type: {when: account_type_name is null, field: account_type, message: is none of the types}
--   stock_code: {when: stock_code is null or length(stock_code) > 10, message: "is missing, or longer than 10 characters"}
--   traded_time: {when: traded_time is null, message: "is no time such as 2025-12-22T14:30:00"}
--   traded_price: {when: "traded_price is null or traded_price <= 0 or traded_price >= 1e18 or traded_price <> round(traded_price, 2)", message: "is no amount of yuan and fen, or not above zero"}
--   traded_volume: {when: traded_volume is null or traded_volume <= 0, message: "is no integer, or not above zero"}
--   traded_amount: {when: "traded_amount is null or traded_amount <= 0 or traded_amount >= 1e18 or traded_amount <> round(traded_amount, 2)", message: "is no amount of yuan and fen, or not above zero"}
--   traded_amount_product:
--     when: abs(traded_amount - traded_price * traded_volume) > 0.01
--     field: traded_amount
--     message: differs by more than 0.01 from traded_price x traded_volume
--   strategy_name: {when: strategy_name is null or length(strategy_name) > 50, message: "is missing, or longer than 50 characters"}
--   order_remark: {when: length(order_remark) > 100, message: is longer than 100 characters}
--   direction: {when: direction_name is null, field: direction, message: is none of the sides}
--   offset_flag: {when: offset_flag_name is null, field: offset_flag, message: is none of the flags}
--   created_at: {when: created_at is null, message: "is no time such as 2025-12-22T14:30:00"}
--   updated_at: {when: updated_at is null, message: "is no time such as 2025-12-22T14:30:00"}
-- description: >-
--   Trades, one row each, as they stand now. A row that breaks a rule is in fact_trade__rejects and not here, until it is
--   put right, or until the account that it names is known. Amounts are yuan.
-- columns:
--   traded_id: {type: text, description: The trade, not_null: true}
--   row_id: {type: bigint, description: Row of the exporting system, not_null: true}
--   account_id: {type: text, description: Account that traded, not_null: true, references: trading_dwd.dim_account.account_id}
--   account_type: {type: bigint, description: Kind of the account as the trade has it, not_null: true}
--   account_type_name: {type: text, description: The same in words, not_null: true}
--   stock_code: {type: text, description: What was traded; may begin with zeros, not_null: true}
--   trade_date: {type: date, description: Day of the trade in Asia/Shanghai, not_null: true}
--   traded_time: {type: timestamptz, description: When it was made, not_null: true}
--   traded_price: {type: numeric, description: Price of one, not_null: true}
--   traded_volume: {type: bigint, description: How many, not_null: true}
--   traded_amount: {type: numeric, description: What was paid for them, not_null: true}
--   strategy_name: {type: text, description: Strategy that ordered it, not_null: true}
--   order_remark: {type: text, description: Remark of the order; null without one}
--   direction: {type: bigint, description: Side as the source codes it, not_null: true}
--   direction_name: {type: text, description: "long, short, or none", not_null: true}
--   offset_flag: {type: bigint, description: What it did to the position as the source codes it, not_null: true}
--   offset_flag_name: {type: text, description: The same in words, not_null: true}
--   created_at: {type: timestamptz, description: When the source wrote the row first, not_null: true}
--   updated_at: {type: timestamptz, description: When it wrote it last, not_null: true}
--   is_repeated: {type: boolean, description: "A row with a smaller id names the same trade; always false here", not_null: true}
--   _batch_id: {type: bigint, description: Landing that brought what the row shows}
--   _file: {type: text, description: Object that it came from}
--   _line: {type: bigint, description: Line of that object}
select
    s.payload ->> 'traded_id' as traded_id,
    s.row_id,
    s.payload ->> 'account_id' as account_id,
    terrace.to_bigint(s.payload ->> 'account_type') as account_type,
    account_type.label_en as account_type_name,
    s.payload ->> 'stock_code' as stock_code,
    terrace.to_date(s.payload ->> 'traded_time') as trade_date,
    case
        when s.payload ->> 'traded_time' ~ '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?$'
            then terrace.to_timestamptz(s.payload ->> 'traded_time', 'YYYY-MM-DD"T"HH24:MI:SS.US', 'Asia/Shanghai')
    end as traded_time,
    terrace.to_numeric(s.payload ->> 'traded_price') as traded_price,
    terrace.to_bigint(s.payload ->> 'traded_volume') as traded_volume,
    terrace.to_numeric(s.payload ->> 'traded_amount') as traded_amount,
    s.payload ->> 'strategy_name' as strategy_name,
    s.payload ->> 'order_remark' as order_remark,
    terrace.to_bigint(s.payload ->> 'direction') as direction,
    direction.label_en as direction_name,
    terrace.to_bigint(s.payload ->> 'offset_flag') as offset_flag,
    offset_flag.label_en as offset_flag_name,
    case
        when s.payload ->> 'created_at' ~ '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?$'
            then terrace.to_timestamptz(s.payload ->> 'created_at', 'YYYY-MM-DD"T"HH24:MI:SS.US', 'Asia/Shanghai')
    end as created_at,
    case
        when s.payload ->> 'updated_at' ~ '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?$'
            then terrace.to_timestamptz(s.payload ->> 'updated_at', 'YYYY-MM-DD"T"HH24:MI:SS.US', 'Asia/Shanghai')
    end as updated_at,
    s.payload ->> 'traded_id' is not null
        and s.row_id <> min(s.row_id) over (partition by s.payload ->> 'traded_id') as is_repeated,
    s._batch_id,
    s._file,
    s._line
from trading_ods.trades as s
left join trading_ref.account_type as account_type
    on account_type.code = terrace.to_bigint(s.payload ->> 'account_type')
left join trading_ref.direction as direction
    on direction.code = terrace.to_bigint(s.payload ->> 'direction')
left join trading_ref.offset_flag as offset_flag
    on offset_flag.code = terrace.to_bigint(s.payload ->> 'offset_flag')
where s._deleted_at is null
