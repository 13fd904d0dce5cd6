-- on: [jushuitan_dwd.confirmed_mirror, jushuitan_dwd.fact_out_order]
-- severity: warn
-- description: Whatever the mirror of shipped out-orders has, the full reading has too.
select
    m.io_id,
    m.modified_at
from jushuitan_dwd.confirmed_mirror as m
where not exists (select from jushuitan_dwd.fact_out_order as f where f.io_id = m.io_id)
