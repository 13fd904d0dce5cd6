-- kind: view
-- depends_on:
--   - xiaoe_dwd.benefit_decision
-- description: >-
--   Benefits that were granted and then lost, with both moments: who takes them back reads on from the cancelled_at that was
--   reached the last time.
-- columns:
--   order_id: {description: The order}
--   user_id: {description: Whose benefit it is}
--   resource_id: {description: What was ordered}
--   ordered_at: {description: When it was ordered}
--   granted_at: {description: When it was granted}
--   cancelled_at: {description: When it was lost}
--   days_after: {description: How many days after ordering it was lost}
-- dashboard:
--   - title: Benefits to take back
--     title_zh: 待收回权益
--     x: {cancelled_at: {label: Lost, label_zh: 取消时间}}
--     y:
--       order_id: {label: Order, label_zh: 订单, format: plain}
--       user_id: {label: User, label_zh: 用户, format: plain}
--       resource_id: {label: Product, label_zh: 产品, format: plain}
--       granted_at: {label: Granted, label_zh: 发放时间}
--       days_after: {label: Days after ordering, label_zh: 下单后天数}
--     limit: 10
--     order: 40
select
    c.order_id,
    c.user_id,
    c.resource_id,
    c.ordered_at,
    g.valid_from as granted_at,
    c.valid_from as cancelled_at,
    round((extract(epoch from c.valid_from - c.ordered_at) / 86400)::numeric, 2) as days_after
from xiaoe_dwd.benefit_decision as c
join xiaoe_dwd.benefit_decision as g
    on g.order_id = c.order_id
    and g.valid_to = c.valid_from
where c.decision = 'cancel'
    and g.decision = 'grant'
