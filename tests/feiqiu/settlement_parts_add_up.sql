-- on: [feiqiu_dwd.fact_settlement]
-- severity: error
-- description: What was consumed is table fee, goods, assistants and service together.
select
    f.order_settle_id,
    f.consume_amount,
    f.table_charge_amount,
    f.goods_amount,
    f.assistant_play_amount,
    f.assistant_overtime_amount,
    f.service_amount
from feiqiu_dwd.fact_settlement as f
where f.consume_amount is distinct from
    f.table_charge_amount + f.goods_amount + f.assistant_play_amount + f.assistant_overtime_amount + f.service_amount
