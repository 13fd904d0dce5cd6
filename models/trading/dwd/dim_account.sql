-- kind: incremental
-- key: [account_id]
-- depends_on:
--   - trading_dwd.account_asset
-- description: >-
--   Accounts, without what changes by the day: the foreign key of trades. An account is here from the first row of it
--   that broke no rule.
-- columns:
--   account_id: {type: text, description: The account, not_null: true}
--   account_type: {type: bigint, description: Kind of the account as the source codes it, not_null: true}
--   account_type_name: {type: text, description: Kind of the account, not_null: true}
select
    a.account_id,
    a.account_type,
    a.account_type_name
from trading_dwd.account_asset as a
