-- kind: view
-- depends_on:
--   - xiaoe_dwd.dim_product
--   - xiaoe_dws.product_summary
-- description: Products by what they brought over the last 30 days there are, in yuan, less what has gone back.
-- columns:
--   resource_id: {description: Product}
--   product_name: {description: As it is called now}
--   paid_count: {description: Orders paid}
--   pay_amount: {description: Paid}
--   refund_amount: {description: What has gone back for them}
--   kept_amount: {description: pay_amount less refund_amount}
-- dashboard:
--   - title: Products, last 30 days
--     title_zh: 近 30 日产品排行
--     chart: bar
--     x: {product_name: {label: Product, label_zh: 产品}}
--     y:
--       kept_amount: {label: Kept, label_zh: 净收入}
--       refund_amount: {label: Given back, label_zh: 退款}
--     unit: yuan
--     unit_zh: 元
--     format: money
--     sort: -kept_amount
--     limit: 10
--     order: 30
select
    s.resource_id,
    coalesce(p.product_name, s.resource_id) as product_name,
    sum(s.paid_count)::bigint as paid_count,
    sum(s.pay_amount) as pay_amount,
    sum(s.refund_amount) as refund_amount,
    sum(s.kept_amount) as kept_amount
from xiaoe_dws.product_summary as s
left join xiaoe_dwd.dim_product as p
    on p.resource_id = s.resource_id
    and p.is_current
where s.order_date > (select max(n.order_date) from xiaoe_dws.product_summary as n) - 30
group by s.resource_id, p.product_name
