-- kind: incremental
-- key: [refund_id]
-- depends_on:
--   - feiqiu_ods.refund_transactions
--   - feiqiu_ref.online_pay_channel
--   - feiqiu_ref.pay_status
--   - feiqiu_ref.payment_method
-- incremental:
--   by: [refund_id]
--   changed:
--     feiqiu_ods.refund_transactions: [id]
-- window: business_date
-- indexes:
--   - columns: [site_id, business_date]
--   - columns: [order_settle_id]
-- description: Money given back, one row per way by which it went; amounts are positive here and negative in the source.
-- columns:
--   refund_id: {description: The refund, not_null: true}
--   site_id: {description: Hall, not_null: true}
--   business_date: {description: Day on which the money went back in Asia/Shanghai, not_null: true}
--   order_settle_id: {description: Settlement that it corrects; null for a recharge}
--   recharge_settle_id: {description: Recharge that it undoes; null for a settlement}
--   refund_amount: {description: Yuan given back, not_null: true}
--   channel_fee_amount: {description: Fee that the channel kept}
--   payment_method: {description: Way by which the money went back}
--   online_pay_channel: {description: Through whom an online refund went}
--   pay_status: {description: What became of it}
--   is_revoke: {description: Everything was given back}
--   member_id: {description: Member; null for passing guests}
--   member_card_id: {description: Stored-value card of the member; null without one}
--   refunded_at: {description: When the money went back, not_null: true}
--   _batch_id: {description: Landing that brought it}
select
    r.id as refund_id,
    terrace.to_bigint(r.payload ->> 'site_id') as site_id,
    terrace.to_date(r.payload ->> 'pay_time') as business_date,
    case when r.payload ->> 'relate_type' = '2' then terrace.to_bigint(r.payload ->> 'relate_id') end as order_settle_id,
    case when r.payload ->> 'relate_type' = '5' then terrace.to_bigint(r.payload ->> 'relate_id') end as recharge_settle_id,
    -terrace.to_numeric(r.payload ->> 'pay_amount')::numeric(14, 2) as refund_amount,
    terrace.to_numeric(r.payload ->> 'channel_fee')::numeric(14, 2) as channel_fee_amount,
    coalesce(payment_method.label_en, r.payload ->> 'payment_method') as payment_method,
    coalesce(channel.label_en, r.payload ->> 'online_pay_channel') as online_pay_channel,
    coalesce(pay_status.label_en, r.payload ->> 'pay_status') as pay_status,
    terrace.to_bigint(r.payload ->> 'is_revoke') = 1 as is_revoke,
    nullif(terrace.to_bigint(r.payload ->> 'member_id'), 0) as member_id,
    nullif(terrace.to_bigint(r.payload ->> 'member_card_id'), 0) as member_card_id,
    terrace.to_timestamptz(r.payload ->> 'pay_time', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as refunded_at,
    r._batch_id
from feiqiu_ods.refund_transactions as r
left join feiqiu_ref.payment_method as payment_method
    on payment_method.code = terrace.to_bigint(r.payload ->> 'payment_method')
left join feiqiu_ref.online_pay_channel as channel
    on channel.code = terrace.to_bigint(r.payload ->> 'online_pay_channel')
left join feiqiu_ref.pay_status as pay_status
    on pay_status.code = terrace.to_bigint(r.payload ->> 'pay_status')
where r._deleted_at is null
