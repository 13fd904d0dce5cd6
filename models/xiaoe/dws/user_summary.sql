-- kind: incremental
-- key: [user_id]
-- depends_on:
--   - xiaoe_dwd.fact_order
--   - xiaoe_dwd.order_refund
-- incremental:
--   by: [user_id]
-- description: What users who ordered something paid and got back over all time, in yuan.
-- columns:
--   user_id: {type: text, description: User, not_null: true}
--   order_count: {type: bigint, description: Orders made}
--   paid_count: {type: bigint, description: "of which: paid"}
--   pay_amount: {type: "numeric(14,2)", description: Paid}
--   refund_amount: {type: "numeric(14,2)", description: "What went back, on whichever day"}
--   kept_amount: {type: "numeric(14,2)", description: pay_amount less refund_amount}
--   first_paid_at: {type: timestamptz, description: First payment; null without one}
--   last_paid_at: {type: timestamptz, description: Last payment; null without one}
select
    o.user_id,
    count(*) as order_count,
    count(*) filter (where o.is_paid) as paid_count,
    sum(o.pay_amount)::numeric(14, 2) as pay_amount,
    coalesce(sum(r.refund_amount), 0)::numeric(14, 2) as refund_amount,
    (sum(o.pay_amount) - coalesce(sum(r.refund_amount), 0))::numeric(14, 2) as kept_amount,
    min(o.paid_at) as first_paid_at,
    max(o.paid_at) as last_paid_at
from xiaoe_dwd.fact_order as o
left join xiaoe_dwd.order_refund as r
    on r.order_id = o.order_id
    and r.user_id = o.user_id
group by o.user_id
