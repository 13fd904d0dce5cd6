-- kind: incremental
-- key: [order_settle_id]
-- depends_on:
--   - feiqiu_ods.settlement_records
--   - feiqiu_ref.payment_method
--   - feiqiu_ref.settle_status
--   - feiqiu_ref.settle_type
-- incremental:
--   by: [order_settle_id]
--   changed:
--     feiqiu_ods.settlement_records: [id]
-- window: business_date
-- indexes:
--   - columns: [site_id, business_date]
-- description: >-
--   Settlements, one row each, as they stand now: a refund corrects the row of the settlement that it belongs to.
--   Amounts are yuan. consume = table + goods + assistants + service
--   = pay + balance + coupon + member discount + adjustment + points + rounding; pay = cash + online.
-- columns:
--   order_settle_id: {description: The settlement, not_null: true}
--   site_id: {description: Hall, not_null: true}
--   business_date: {description: Day on which it was paid in Asia/Shanghai, not_null: true}
--   order_id: {description: Order that it settles}
--   order_trade_no: {description: Number of the order for people; has 17 digits}
--   settle_type: {description: What it settles}
--   settle_status: {description: Whether it has been paid}
--   settle_name: {description: Text on the receipt}
--   table_id: {description: Table; null for goods over the counter}
--   member_id: {description: Member; null for passing guests}
--   member_card_id: {description: Stored-value card of the member; null without one}
--   consume_amount: {description: "What was consumed, before anything is deducted", not_null: true}
--   table_charge_amount: {description: "of which: table fee"}
--   goods_amount: {description: "of which: goods"}
--   assistant_play_amount: {description: "of which: assistants playing along"}
--   assistant_overtime_amount: {description: "of which: assistants beyond their hours"}
--   service_amount: {description: "of which: service"}
--   member_discount_amount: {description: Deducted for the member's grade}
--   adjust_amount: {description: Deducted by hand}
--   coupon_amount: {description: Paid for by coupons}
--   coupon_sale_amount: {description: What guests had paid for those coupons elsewhere}
--   point_amount: {description: Paid for by points}
--   rounding_amount: {description: Fen dropped in cash}
--   balance_amount: {description: Taken from the member's card}
--   pay_amount: {description: Paid in cash and online, not_null: true}
--   cash_amount: {description: "of which: cash"}
--   online_amount: {description: "of which: online"}
--   refund_amount: {description: "Given back so far, on whichever day", not_null: true}
--   payment_method: {description: Main way of payment}
--   is_member: {description: A member was named}
--   revoke_settle_id: {description: Settlement that undoes this one; null when none does}
--   revoked_at: {description: When it was undone}
--   paid_at: {description: When it was paid, not_null: true}
--   created_at: {description: When the bill was made}
--   _batch_id: {description: Landing that brought what the row shows}
select
    s.id as order_settle_id,
    terrace.to_bigint(s.payload ->> 'siteId') as site_id,
    terrace.to_date(s.payload ->> 'payTime') as business_date,
    terrace.to_bigint(s.payload ->> 'settleRelateId') as order_id,
    terrace.to_bigint(s.payload ->> 'orderTradeNo') as order_trade_no,
    coalesce(settle_type.label_en, s.payload ->> 'settleType') as settle_type,
    coalesce(settle_status.label_en, s.payload ->> 'settleStatus') as settle_status,
    s.payload ->> 'settleName' as settle_name,
    nullif(terrace.to_bigint(s.payload ->> 'tableId'), 0) as table_id,
    nullif(terrace.to_bigint(s.payload ->> 'memberId'), 0) as member_id,
    nullif(terrace.to_bigint(s.payload ->> 'tenantMemberCardId'), 0) as member_card_id,
    terrace.to_numeric(s.payload ->> 'consumeMoney')::numeric(14, 2) as consume_amount,
    terrace.to_numeric(s.payload ->> 'tableChargeMoney')::numeric(14, 2) as table_charge_amount,
    terrace.to_numeric(s.payload ->> 'goodsMoney')::numeric(14, 2) as goods_amount,
    terrace.to_numeric(s.payload ->> 'assistantPdMoney')::numeric(14, 2) as assistant_play_amount,
    terrace.to_numeric(s.payload ->> 'assistantCxMoney')::numeric(14, 2) as assistant_overtime_amount,
    terrace.to_numeric(s.payload ->> 'serviceMoney')::numeric(14, 2) as service_amount,
    terrace.to_numeric(s.payload ->> 'memberDiscountAmount')::numeric(14, 2) as member_discount_amount,
    terrace.to_numeric(s.payload ->> 'adjustAmount')::numeric(14, 2) as adjust_amount,
    terrace.to_numeric(s.payload ->> 'couponAmount')::numeric(14, 2) as coupon_amount,
    terrace.to_numeric(s.payload ->> 'couponSaleAmount')::numeric(14, 2) as coupon_sale_amount,
    terrace.to_numeric(s.payload ->> 'pointAmount')::numeric(14, 2) as point_amount,
    terrace.to_numeric(s.payload ->> 'roundingAmount')::numeric(14, 2) as rounding_amount,
    terrace.to_numeric(s.payload ->> 'balanceAmount')::numeric(14, 2) as balance_amount,
    terrace.to_numeric(s.payload ->> 'payAmount')::numeric(14, 2) as pay_amount,
    terrace.to_numeric(s.payload ->> 'cashAmount')::numeric(14, 2) as cash_amount,
    terrace.to_numeric(s.payload ->> 'onlineAmount')::numeric(14, 2) as online_amount,
    terrace.to_numeric(s.payload ->> 'refundAmount')::numeric(14, 2) as refund_amount,
    coalesce(payment_method.label_en, s.payload ->> 'paymentMethod') as payment_method,
    (s.payload ->> 'isBindMember')::boolean as is_member,
    nullif(terrace.to_bigint(s.payload ->> 'revokeOrderId'), 0) as revoke_settle_id,
    terrace.to_timestamptz(s.payload ->> 'revokeTime', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as revoked_at,
    terrace.to_timestamptz(s.payload ->> 'payTime', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as paid_at,
    terrace.to_timestamptz(s.payload ->> 'createTime', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as created_at,
    s._batch_id
from feiqiu_ods.settlement_records as s
left join feiqiu_ref.settle_type as settle_type
    on settle_type.code = terrace.to_bigint(s.payload ->> 'settleType')
left join feiqiu_ref.settle_status as settle_status
    on settle_status.code = terrace.to_bigint(s.payload ->> 'settleStatus')
left join feiqiu_ref.payment_method as payment_method
    on payment_method.code = terrace.to_bigint(s.payload ->> 'paymentMethod')
where s._deleted_at is null
