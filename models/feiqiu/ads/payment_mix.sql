-- kind: view
-- depends_on:
--   - feiqiu_dws.payment_summary
-- description: How guests paid over the last 30 business days there are, all halls together, in yuan.
-- columns:
--   way: {description: "Way of payment, with its channel where it has one"}
--   payment_count: {description: Payments}
--   pay_amount: {description: Paid}
--   refund_amount: {description: Given back}
--   net_amount: {description: Paid less given back}
-- dashboard:
--   - title: Ways of payment, last 30 days
--     title_zh: 近 30 日支付方式
--     chart: bar
--     x: {way: {label: Way, label_zh: 方式}}
--     y: {net_amount: {label: Net, label_zh: 净额}}
--     unit: yuan
--     unit_zh: 元
--     format: money
--     sort: -net_amount
--     order: 30
select
    p.payment_method || case when p.channel = 'none' then '' else ' · ' || p.channel end as way,
    sum(p.payment_count)::bigint as payment_count,
    sum(p.pay_amount) as pay_amount,
    sum(p.refund_amount) as refund_amount,
    sum(p.net_amount) as net_amount
from feiqiu_dws.payment_summary as p
where p.business_date > (select max(n.business_date) from feiqiu_dws.payment_summary as n) - 30
group by p.payment_method, p.channel
