-- kind: view
-- depends_on:
--   - crm_dwd.fact_lead
-- description: Leads by the stage in which they are now, with what their orders come to.
-- columns:
--   stage: {description: Stage}
--   place: {description: Place of the stage on the way from open to won or lost}
--   lead_count: {description: Leads}
--   amount: {description: "Amount of their orders, samples included"}
-- dashboard:
--   - title: Leads by stage
--     title_zh: 商机阶段
--     chart: bar
--     x: {stage: {label: Stage, label_zh: 阶段}}
--     y: {lead_count: {label: Leads, label_zh: 商机数}}
--     sort: place
--     order: 30
--   - title: What leads come to
--     title_zh: 商机金额
--     chart: bar
--     x: {stage: {label: Stage, label_zh: 阶段}}
--     y: {amount: {label: Amount, label_zh: 金额}}
--     unit: yuan
--     unit_zh: 元
--     format: money
--     sort: place
--     order: 31
select
    l.current_stage as stage,
    array_position(array['OPEN', 'FOLLOWING', 'COLD', 'WON', 'LOST'], l.current_stage) as place,
    count(*) as lead_count,
    sum(l.sample_amount + l.bulk_amount) as amount
from crm_dwd.fact_lead as l
group by l.current_stage
