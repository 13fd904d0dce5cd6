-- kind: incremental
-- key: [order_date]
-- depends_on:
--   - xiaoe_dwd.benefit_decision
-- incremental:
--   by: [order_date]
-- window: order_date
-- description: What has become of the benefits of each day's orders.
-- columns:
--   order_date: {type: date, description: Day of ordering in Asia/Shanghai, not_null: true}
--   granted_count: {type: bigint, description: Orders that have their benefit}
--   cancelled_count: {type: bigint, description: "Orders that lost it, or never had it, because all money went back in time"}
select
    b.order_date,
    count(*) filter (where b.decision = 'grant') as granted_count,
    count(*) filter (where b.decision = 'cancel') as cancelled_count
from xiaoe_dwd.benefit_decision as b
where b.is_current
group by b.order_date
