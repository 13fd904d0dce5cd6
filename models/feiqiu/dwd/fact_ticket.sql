-- kind: incremental
-- key: [order_settle_id]
-- depends_on:
--   - feiqiu_ods.settlement_ticket_details
--   - feiqiu_ref.payment_method
--   - feiqiu_ref.settle_type
-- incremental:
--   by: [order_settle_id]
--   changed:
--     feiqiu_ods.settlement_ticket_details: [order_settle_id]
-- window: business_date
-- description: The head of a settlement's ticket, one row each. Its lines are in feiqiu_dwd.fact_ticket_line.
-- columns:
--   order_settle_id: {description: The settlement that the ticket belongs to, not_null: true}
--   site_id: {description: Hall, not_null: true}
--   business_date: {description: Day on which it was paid in Asia/Shanghai, not_null: true}
--   ticket_no: {description: Number on the ticket}
--   settle_type: {description: What was settled}
--   cashier_name: {description: Who settled it}
--   payment_method: {description: Main way of payment}
--   member_id: {description: Member; null for passing guests}
--   member_nickname: {description: Name of the member as printed}
--   member_grade_name: {description: Grade of the member as printed}
--   consume_amount: {description: "What was consumed, before anything is deducted", not_null: true}
--   pay_amount: {description: Paid in cash and online, not_null: true}
--   adjust_amount: {description: Deducted by hand}
--   member_discount_amount: {description: Deducted for the member's grade}
--   coupon_amount: {description: Paid for by coupons}
--   balance_amount: {description: Taken from the member's card}
--   refund_amount: {description: Given back so far}
--   order_count: {description: Orders on the ticket}
--   paid_at: {description: When it was paid, not_null: true}
--   _batch_id: {description: Landing that brought what the row shows}
select
    t.order_settle_id,
    terrace.to_bigint(t.payload ->> 'siteId') as site_id,
    terrace.to_date(t.payload ->> 'payTime') as business_date,
    t.payload ->> 'orderSettleNumber' as ticket_no,
    coalesce(settle_type.label_en, t.payload ->> 'settleType') as settle_type,
    t.payload ->> 'cashierName' as cashier_name,
    coalesce(payment_method.label_en, t.payload ->> 'paymentMethod') as payment_method,
    terrace.to_bigint(t.payload #>> '{memberProfile, id}') as member_id,
    t.payload #>> '{memberProfile, nickName}' as member_nickname,
    t.payload #>> '{memberProfile, gradeName}' as member_grade_name,
    terrace.to_numeric(t.payload ->> 'consumeMoney')::numeric(14, 2) as consume_amount,
    terrace.to_numeric(t.payload ->> 'actualPayment')::numeric(14, 2) as pay_amount,
    terrace.to_numeric(t.payload ->> 'adjustAmount')::numeric(14, 2) as adjust_amount,
    terrace.to_numeric(t.payload ->> 'memberDiscountAmount')::numeric(14, 2) as member_discount_amount,
    terrace.to_numeric(t.payload ->> 'couponAmount')::numeric(14, 2) as coupon_amount,
    terrace.to_numeric(t.payload ->> 'balanceAmount')::numeric(14, 2) as balance_amount,
    terrace.to_numeric(t.payload ->> 'refundAmount')::numeric(14, 2) as refund_amount,
    jsonb_array_length(t.payload -> 'orderItem') as order_count,
    terrace.to_timestamptz(t.payload ->> 'payTime', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as paid_at,
    t._batch_id
from feiqiu_ods.settlement_ticket_details as t
left join feiqiu_ref.settle_type as settle_type
    on settle_type.code = terrace.to_bigint(t.payload ->> 'settleType')
left join feiqiu_ref.payment_method as payment_method
    on payment_method.code = terrace.to_bigint(t.payload ->> 'paymentMethod')
where t._deleted_at is null
