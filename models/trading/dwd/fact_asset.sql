-- kind: incremental
-- key: [row_id, _version]
-- depends_on:
--   - trading_ods.account_assets__versions
--   - trading_ref.account_type
-- incremental:
--   by: [account_id]
--   changed:
--     trading_ods.account_assets__versions: ["payload ->> 'account_id'"]
-- indexes:
--   - columns: [account_id, _version]
-- rejects:
--   account_id: {when: account_id is null or length(account_id) > 20, message: "is missing, or longer than 20 characters"}
--   account_id_twice: {when: is_repeated, field: account_id, message: is in another row with a smaller id}
--   account_type: {when: account_type_name is null, field: account_type, message: is none of the types}
--   cash: {when: "cash is null or cash < 0 or cash >= 1e18 or cash <> round(cash, 2)", message: "is no amount of yuan and fen, or below zero"}
--   frozen_cash: {when: "frozen_cash is null or frozen_cash < 0 or frozen_cash >= 1e18 or frozen_cash <> round(frozen_cash, 2)", message: "is no amount of yuan and fen, or below zero"}
--   market_value: {when: "market_value is null or market_value < 0 or market_value >= 1e18 or market_value <> round(market_value, 2)", message: "is no amount of yuan and fen, or below zero"}
--   total_asset: {when: "total_asset is null or total_asset < 0 or total_asset >= 1e18 or total_asset <> round(total_asset, 2)", message: "is no amount of yuan and fen, or below zero"}
--   total_asset_sum:
--     when: abs(total_asset - (cash + frozen_cash + market_value)) > 0.01
--     field: total_asset
--     message: differs by more than 0.01 from cash + frozen_cash + market_value
--   updated_at: {when: updated_at is null, message: "is no time such as 2025-12-22T14:30:00"}
-- description: >-
--   What accounts had, a row for each time that the bucket told it anew. Rows that break a rule are in
--   fact_asset__rejects; what the account was last told well stays in account_asset meanwhile. Amounts are yuan.
-- columns:
--   row_id: {type: bigint, description: Row of the exporting system, not_null: true}
--   account_id: {type: text, description: The account; digits that may begin with zeros, not_null: true}
--   account_type: {type: bigint, description: Kind of the account as the source codes it, not_null: true}
--   account_type_name: {type: text, description: Kind of the account, not_null: true}
--   cash: {type: numeric, description: Money that is free, not_null: true}
--   frozen_cash: {type: numeric, description: Money that open orders hold, not_null: true}
--   market_value: {type: numeric, description: What the positions are worth, not_null: true}
--   total_asset: {type: numeric, description: "All of it, as the source adds it up", not_null: true}
--   updated_at: {type: timestamptz, description: When the source wrote the row, not_null: true}
--   is_repeated: {type: boolean, description: "A row with a smaller id names the same account; always false here", not_null: true}
--   _seen_at: {type: timestamptz, description: When it was landed}
--   _version: {type: bigint, description: Grows with each landing of a row, not_null: true}
--   _batch_id: {type: bigint, description: Landing that brought it}
--   _file: {type: text, description: Object that it came from}
--   _line: {type: bigint, description: Line of that object}
select
    v.row_id,
    v.payload ->> 'account_id' as account_id,
    terrace.to_bigint(v.payload ->> 'account_type') as account_type,
    account_type.label_en as account_type_name,
    terrace.to_numeric(v.payload ->> 'cash') as cash,
    terrace.to_numeric(v.payload ->> 'frozen_cash') as frozen_cash,
    terrace.to_numeric(v.payload ->> 'market_value') as market_value,
    terrace.to_numeric(v.payload ->> 'total_asset') as total_asset,
    case
        when v.payload ->> 'updated_at' ~ '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?$'
            then terrace.to_timestamptz(v.payload ->> 'updated_at', 'YYYY-MM-DD"T"HH24:MI:SS.US', 'Asia/Shanghai')
    end as updated_at,
    v.payload ->> 'account_id' is not null
        and v.row_id <> min(v.row_id) over (partition by v.payload ->> 'account_id') as is_repeated,
    v._seen_at,
    v._version,
    v._batch_id,
    v._file,
    v._line
from trading_ods.account_assets__versions as v
left join trading_ref.account_type as account_type
    on account_type.code = terrace.to_bigint(v.payload ->> 'account_type')
