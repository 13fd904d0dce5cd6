-- on: [feiqiu_dwd.dim_store_goods, feiqiu_dwd.fact_stock_movement]
-- severity: warn
-- description: The stock on a shelf is the sum of its movements. A warning, since the two are read moments apart.
with moved as (
    select
        m.site_goods_id,
        sum(m.change_quantity) as change_quantity
    from feiqiu_dwd.fact_stock_movement as m
    group by m.site_goods_id
)

select
    d.site_goods_id,
    d.stock_quantity as shelf_says,
    m.change_quantity as movements_say
from feiqiu_dwd.dim_store_goods as d
left join moved as m
    on m.site_goods_id = d.site_goods_id
where d.is_current
    and d.stock_quantity <> coalesce(m.change_quantity, 0)
