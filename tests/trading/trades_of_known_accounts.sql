-- on: [trading_dwd.fact_trade]
-- severity: error
-- description: >-
--   Trades are of accounts that are known; and no trade waits for an account that is: one that does should have been
--   recomputed when the account came.
select
    f.traded_id,
    f.account_id,
    'used without account' as problem
from trading_dwd.fact_trade as f
where not exists (select from trading_dwd.dim_account as a where a.account_id = f.account_id)

union all

select
    r.row ->> 'traded_id',
    r.row ->> 'account_id',
    'waits for an account that is there'
from trading_dwd.fact_trade__rejects as r
where r.rule = 'account_unknown'
    and exists (select from trading_dwd.dim_account as a where a.account_id = r.row ->> 'account_id')
