-- on: [feiqiu_dwd.fact_stock_movement]
-- severity: error
-- description: Stock after a movement is that before it and the change, and the next movement begins there.
with chain as (
    select
        m.movement_id,
        m.site_goods_id,
        m.start_quantity,
        m.change_quantity,
        m.end_quantity,
        lag(m.end_quantity) over (
            partition by m.site_goods_id
            order by m.moved_at, m.movement_id
        ) as previous_end_quantity
    from feiqiu_dwd.fact_stock_movement as m
)

select
    c.movement_id,
    c.site_goods_id,
    c.previous_end_quantity,
    c.start_quantity,
    c.change_quantity,
    c.end_quantity
from chain as c
where c.end_quantity is distinct from c.start_quantity + c.change_quantity
    or c.previous_end_quantity <> c.start_quantity
