-- kind: view
-- depends_on:
--   - feiqiu_dwd.dim_assistant
--   - feiqiu_dws.assistant_summary
-- description: Assistants by their work over the last 30 business days there are, in yuan and hours.
-- columns:
--   assistant_id: {description: Assistant}
--   assistant: {description: Number within the hall and name}
--   site_id: {description: Hall}
--   service_count: {description: Services}
--   service_hours: {description: Hours of playing along and beyond}
--   service_amount: {description: Yuan for them}
--   cancel_count: {description: Services cancelled}
-- dashboard:
--   - title: Assistants, last 30 days
--     title_zh: 近 30 日助教排行
--     x: {assistant: {label: Assistant, label_zh: 助教}}
--     y:
--       site_id: {label: Hall, label_zh: 门店, format: plain}
--       service_count: {label: Services, label_zh: 服务次数}
--       service_hours: {label: Hours, label_zh: 小时}
--       service_amount: {label: For, label_zh: 服务金额, format: money}
--       cancel_count: {label: Cancelled, label_zh: 取消次数}
--     sort: -service_amount
--     limit: 10
--     order: 41
select
    s.assistant_id,
    concat_ws(' ', a.assistant_no, a.nickname) as assistant,
    s.site_id,
    sum(s.service_count)::bigint as service_count,
    round(sum(s.play_seconds + s.overtime_seconds) / 3600.0, 1) as service_hours,
    sum(s.service_amount) as service_amount,
    sum(s.cancel_count)::bigint as cancel_count
from feiqiu_dws.assistant_summary as s
left join feiqiu_dwd.dim_assistant as a
    on a.assistant_id = s.assistant_id
    and a.is_current
where s.business_date > (select max(n.business_date) from feiqiu_dws.assistant_summary as n) - 30
group by s.assistant_id, s.site_id, a.assistant_no, a.nickname
