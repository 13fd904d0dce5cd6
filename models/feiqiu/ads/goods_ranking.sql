-- kind: view
-- depends_on:
--   - feiqiu_dwd.dim_store_goods
--   - feiqiu_dws.goods_summary
-- description: Goods by what they brought over the last 30 business days there are, halls together by name, in yuan.
-- columns:
--   goods_name: {description: Goods as they are called now}
--   sold_quantity: {description: Units sold}
--   net_amount: {description: What was left to pay}
--   profit_amount: {description: Net less cost}
-- dashboard:
--   - title: Goods, last 30 days
--     title_zh: 近 30 日商品排行
--     chart: bar
--     x: {goods_name: {label: Goods, label_zh: 商品}}
--     y:
--       net_amount: {label: Sold for, label_zh: 销售额}
--       profit_amount: {label: Profit, label_zh: 毛利}
--     unit: yuan
--     unit_zh: 元
--     format: money
--     sort: -net_amount
--     limit: 10
--     order: 31
select
    coalesce(g.goods_name, s.site_goods_id::text) as goods_name,
    sum(s.sold_quantity) as sold_quantity,
    sum(s.net_amount) as net_amount,
    sum(s.profit_amount) as profit_amount
from feiqiu_dws.goods_summary as s
left join feiqiu_dwd.dim_store_goods as g
    on g.site_goods_id = s.site_goods_id
    and g.is_current
where s.business_date > (select max(n.business_date) from feiqiu_dws.goods_summary as n) - 30
group by 1
having sum(s.sold_quantity) <> 0
