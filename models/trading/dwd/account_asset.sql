-- kind: incremental
-- key: [account_id]
-- depends_on:
--   - trading_dwd.fact_asset
-- indexes:
--   - columns: [account_type]
-- description: >-
--   Accounts with what they have now, one row each: the last one that broke no rule. Amounts are yuan.
-- columns:
--   account_id: {type: text, description: The account, not_null: true}
--   account_type: {type: bigint, description: Kind of the account as the source codes it, not_null: true}
--   account_type_name: {type: text, description: Kind of the account, not_null: true}
--   cash: {type: "numeric(20,2)", description: Money that is free, not_null: true}
--   frozen_cash: {type: "numeric(20,2)", description: Money that open orders hold, not_null: true}
--   market_value: {type: "numeric(20,2)", description: What the positions are worth, not_null: true}
--   total_asset: {type: "numeric(20,2)", description: "All of it, as the source adds it up", not_null: true}
--   updated_at: {type: timestamptz, description: When the source wrote it, not_null: true}
--   _batch_id: {type: bigint, description: Landing that brought it}
-- assert:
--   - expression: abs(total_asset - (cash + frozen_cash + market_value)) <= 0.01
select distinct on (f.account_id)
    f.account_id,
    f.account_type,
    f.account_type_name,
    f.cash::numeric(20, 2) as cash,
    f.frozen_cash::numeric(20, 2) as frozen_cash,
    f.market_value::numeric(20, 2) as market_value,
    f.total_asset::numeric(20, 2) as total_asset,
    f.updated_at,
    f._batch_id
from trading_dwd.fact_asset as f
order by
    f.account_id,
    f._version desc
