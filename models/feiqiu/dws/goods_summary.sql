-- kind: incremental
-- key: [site_id, business_date, site_goods_id]
-- depends_on:
--   - feiqiu_dwd.fact_goods_sale
--   - feiqiu_dwd.fact_stock_movement
-- incremental:
--   by: [site_id, business_date]
--   changed:
--     feiqiu_dwd.fact_goods_sale: [site_id, business_date]
--     feiqiu_dwd.fact_stock_movement: [site_id, business_date]
-- window: business_date
-- partition_by: {range: business_date, step: 1 month}
-- description: >-
--   Goods sold, and movements of their stock, per hall and business day. What an offline till sold counts on the day
--   of the sale, and leaves the stock when it is known.
-- columns:
--   site_id: {description: Hall, not_null: true}
--   business_date: {description: Day in Asia/Shanghai, not_null: true}
--   site_goods_id: {description: Goods in the hall, not_null: true}
--   sold_quantity: {description: Units sold}
--   returned_quantity: {description: "of which: came back since, on whichever day"}
--   sales_amount: {description: Yuan before anything is deducted}
--   discount_amount: {description: Deducted}
--   net_amount: {description: What was left to pay}
--   cost_amount: {description: Yuan that the goods cost}
--   profit_amount: {description: Net less cost}
--   purchased_quantity: {description: Units bought}
--   shipped_quantity: {description: Units that left the stock as sold}
--   taken_back_quantity: {description: Units that came back into the stock}
--   counted_quantity: {description: "Units found, or missing where negative, when stock was counted"}
--   stock_change_quantity: {description: "By how much the stock rose, or fell where negative"}
with movements as (
    select
        s.site_id,
        s.business_date,
        s.site_goods_id,
        s.sold_quantity,
        s.returned_quantity,
        s.sales_amount,
        s.discount_amount,
        s.net_amount,
        s.cost_amount,
        0::bigint as purchased_quantity,
        0::bigint as shipped_quantity,
        0::bigint as taken_back_quantity,
        0::bigint as counted_quantity,
        0::bigint as stock_change_quantity
    from feiqiu_dwd.fact_goods_sale as s
    where s.is_valid

    union all

    select
        m.site_id,
        m.business_date,
        m.site_goods_id,
        0, 0, 0, 0, 0, 0,
        case when m.movement_type = 'purchase' then m.change_quantity else 0 end,
        case when m.movement_type = 'sale' then -m.change_quantity else 0 end,
        case when m.movement_type = 'return' then m.change_quantity else 0 end,
        case when m.movement_type = 'count' then m.change_quantity else 0 end,
        m.change_quantity
    from feiqiu_dwd.fact_stock_movement as m
)

select
    m.site_id,
    m.business_date,
    m.site_goods_id,
    sum(m.sold_quantity)::bigint as sold_quantity,
    sum(m.returned_quantity)::bigint as returned_quantity,
    sum(m.sales_amount)::numeric(14, 2) as sales_amount,
    sum(m.discount_amount)::numeric(14, 2) as discount_amount,
    sum(m.net_amount)::numeric(14, 2) as net_amount,
    sum(m.cost_amount)::numeric(14, 2) as cost_amount,
    (sum(m.net_amount) - sum(m.cost_amount))::numeric(14, 2) as profit_amount,
    sum(m.purchased_quantity)::bigint as purchased_quantity,
    sum(m.shipped_quantity)::bigint as shipped_quantity,
    sum(m.taken_back_quantity)::bigint as taken_back_quantity,
    sum(m.counted_quantity)::bigint as counted_quantity,
    sum(m.stock_change_quantity)::bigint as stock_change_quantity
from movements as m
where m.business_date >= terrace.var('feiqiu_first_day')::date
group by
    m.site_id,
    m.business_date,
    m.site_goods_id
