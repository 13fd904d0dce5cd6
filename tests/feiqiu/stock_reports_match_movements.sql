-- on: [feiqiu_dwd.fact_stock_report, feiqiu_dwd.fact_stock_movement]
-- severity: warn
-- description: >-
--   A week's stock report adds up, and says what the movements of the week say. A warning: the two are read moments apart.
with moved as (
    select
        r.site_goods_id,
        r.range_start,
        coalesce(sum(m.change_quantity) filter (where m.movement_type in ('purchase', 'return')), 0) as in_quantity,
        coalesce(-sum(m.change_quantity) filter (where m.movement_type = 'sale'), 0) as sold_quantity,
        coalesce(sum(m.change_quantity) filter (where m.movement_type = 'count'), 0) as counted_quantity,
        coalesce(-sum(m.change_quantity * m.unit_price) filter (where m.movement_type = 'sale'), 0) as sold_amount
    from feiqiu_dwd.fact_stock_report as r
    left join feiqiu_dwd.fact_stock_movement as m
        on m.site_goods_id = r.site_goods_id
        and m.business_date >= r.range_start
        and m.business_date < r.range_end
    group by
        r.site_goods_id,
        r.range_start
)

select
    r.site_goods_id,
    r.range_start,
    r.opening_quantity,
    r.closing_quantity,
    r.in_quantity as report_in,
    m.in_quantity as movements_in,
    r.sold_quantity as report_sold,
    m.sold_quantity as movements_sold,
    r.counted_quantity as report_counted,
    m.counted_quantity as movements_counted,
    r.sold_amount as report_amount,
    m.sold_amount as movements_amount
from feiqiu_dwd.fact_stock_report as r
join moved as m
    on m.site_goods_id = r.site_goods_id
    and m.range_start = r.range_start
where (r.in_quantity, r.sold_quantity, r.counted_quantity, r.sold_amount)
    is distinct from (m.in_quantity, m.sold_quantity, m.counted_quantity, m.sold_amount)
    or r.closing_quantity is distinct from
    r.opening_quantity + r.in_quantity - r.out_quantity - r.sold_quantity + r.counted_quantity
