-- kind: incremental
-- key: [payment_id]
-- depends_on:
--   - feiqiu_ods.payment_transactions
--   - feiqiu_ref.online_pay_channel
--   - feiqiu_ref.pay_status
--   - feiqiu_ref.payment_method
-- incremental:
--   by: [payment_id]
--   changed:
--     feiqiu_ods.payment_transactions: [id]
-- window: business_date
-- indexes:
--   - columns: [order_settle_id]
-- description: Attempts to pay in cash or online, one row each; only those with pay_status done moved money.
-- columns:
--   payment_id: {description: The attempt, not_null: true}
--   site_id: {description: Hall, not_null: true}
--   business_date: {description: Day of the attempt in Asia/Shanghai, not_null: true}
--   order_settle_id: {description: Settlement that it pays; null for a recharge}
--   recharge_settle_id: {description: Recharge that it pays; null for a settlement}
--   pay_amount: {description: Yuan, not_null: true}
--   payment_method: {description: Way of payment}
--   online_pay_channel: {description: Through whom an online payment went}
--   pay_status: {description: What became of it}
--   paid_at: {description: When it was made, not_null: true}
--   _batch_id: {description: Landing that brought it}
select
    p.id as payment_id,
    terrace.to_bigint(p.payload ->> 'site_id') as site_id,
    terrace.to_date(p.payload ->> 'pay_time') as business_date,
    case when p.payload ->> 'relate_type' = '2' then terrace.to_bigint(p.payload ->> 'relate_id') end as order_settle_id,
    case when p.payload ->> 'relate_type' = '5' then terrace.to_bigint(p.payload ->> 'relate_id') end as recharge_settle_id,
    terrace.to_numeric(p.payload ->> 'pay_amount')::numeric(14, 2) as pay_amount,
    coalesce(payment_method.label_en, p.payload ->> 'payment_method') as payment_method,
    coalesce(channel.label_en, p.payload ->> 'online_pay_channel') as online_pay_channel,
    coalesce(pay_status.label_en, p.payload ->> 'pay_status') as pay_status,
    terrace.to_timestamptz(p.payload ->> 'pay_time', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as paid_at,
    p._batch_id
from feiqiu_ods.payment_transactions as p
left join feiqiu_ref.payment_method as payment_method
    on payment_method.code = terrace.to_bigint(p.payload ->> 'payment_method')
left join feiqiu_ref.online_pay_channel as channel
    on channel.code = terrace.to_bigint(p.payload ->> 'online_pay_channel')
left join feiqiu_ref.pay_status as pay_status
    on pay_status.code = terrace.to_bigint(p.payload ->> 'pay_status')
where p._deleted_at is null
