-- on: [jushuitan_dwd.fact_out_order]
-- severity: warn
-- description: >-
--   Heads ask for what their lines and freight come to. Those that do not are also in jushuitan_ads.amount_difference,
--   for somebody to look into: prices corrected by hand, lines that are missing, amounts that are read wrongly.
select
    f.io_id,
    f.pay_amount,
    f.items_amount,
    f.freight_amount,
    f.difference_amount
from jushuitan_dwd.fact_out_order as f
where f.difference_amount <> 0
