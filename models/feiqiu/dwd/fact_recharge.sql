-- kind: incremental
-- key: [recharge_settle_id]
-- depends_on:
--   - feiqiu_ods.recharge_settlements
--   - feiqiu_ref.payment_method
--   - feiqiu_ref.settle_type
-- incremental:
--   by: [recharge_settle_id]
--   changed:
--     feiqiu_ods.recharge_settlements: [id]
-- window: business_date
-- indexes:
--   - columns: [site_id, business_date]
-- description: "Money put onto cards, one row per recharge; one that undoes another has negative amounts."
-- columns:
--   recharge_settle_id: {description: The recharge, not_null: true}
--   site_id: {description: Hall, not_null: true}
--   business_date: {description: Day in Asia/Shanghai, not_null: true}
--   recharge_type: {description: "recharge, or recharge_reversal"}
--   order_trade_no: {description: Number for people; has 17 digits}
--   member_id: {description: Member}
--   member_card_id: {description: Card}
--   pay_amount: {description: Yuan paid in cash and online; negative when undone, not_null: true}
--   gift_amount: {description: Yuan given on top; negative when undone, not_null: true}
--   cash_amount: {description: "of which paid: cash"}
--   online_amount: {description: "of which paid: online"}
--   payment_method: {description: Way of payment}
--   is_first: {description: The card's first recharge}
--   revoked_settle_id: {description: Recharge that this one undoes; null when it is one itself}
--   paid_at: {description: When it was paid, not_null: true}
--   created_at: {description: When it was asked for}
--   _batch_id: {description: Landing that brought what the row shows}
select
    r.id as recharge_settle_id,
    terrace.to_bigint(r.payload ->> 'siteId') as site_id,
    terrace.to_date(r.payload ->> 'payTime') as business_date,
    coalesce(settle_type.label_en, r.payload ->> 'settleType') as recharge_type,
    terrace.to_bigint(r.payload ->> 'orderTradeNo') as order_trade_no,
    terrace.to_bigint(r.payload ->> 'memberId') as member_id,
    terrace.to_bigint(r.payload ->> 'tenantMemberCardId') as member_card_id,
    terrace.to_numeric(r.payload ->> 'payAmount')::numeric(14, 2) as pay_amount,
    terrace.to_numeric(r.payload ->> 'giftCardAmount')::numeric(14, 2) as gift_amount,
    terrace.to_numeric(r.payload ->> 'cashAmount')::numeric(14, 2) as cash_amount,
    terrace.to_numeric(r.payload ->> 'onlineAmount')::numeric(14, 2) as online_amount,
    coalesce(payment_method.label_en, r.payload ->> 'paymentMethod') as payment_method,
    terrace.to_bigint(r.payload ->> 'isFirst') = 1 as is_first,
    nullif(terrace.to_bigint(r.payload ->> 'revokeOrderId'), 0) as revoked_settle_id,
    terrace.to_timestamptz(r.payload ->> 'payTime', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as paid_at,
    terrace.to_timestamptz(r.payload ->> 'createTime', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as created_at,
    r._batch_id
from feiqiu_ods.recharge_settlements as r
left join feiqiu_ref.settle_type as settle_type
    on settle_type.code = terrace.to_bigint(r.payload ->> 'settleType')
left join feiqiu_ref.payment_method as payment_method
    on payment_method.code = terrace.to_bigint(r.payload ->> 'paymentMethod')
where r._deleted_at is null
