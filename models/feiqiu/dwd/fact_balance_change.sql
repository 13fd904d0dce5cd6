-- kind: incremental
-- key: [balance_change_id]
-- depends_on:
--   - feiqiu_ods.member_balance_changes
--   - feiqiu_ref.balance_change_type
--   - feiqiu_ref.payment_method
-- incremental:
--   by: [balance_change_id]
--   changed:
--     feiqiu_ods.member_balance_changes: [id]
-- window: business_date
-- indexes:
--   - columns: [member_card_id]
--   - columns: [site_id, business_date]
-- description: >-
--   Changes of cards' balances, one row each: after = before + change, and each begins where the one before it ended.
-- columns:
--   balance_change_id: {description: The change, not_null: true}
--   site_id: {description: Hall in which it happened, not_null: true}
--   business_date: {description: Day in Asia/Shanghai, not_null: true}
--   member_id: {description: Member, not_null: true}
--   member_card_id: {description: Card, not_null: true}
--   change_type: {description: Why the balance changed}
--   payment_method: {description: Way of payment of a recharge}
--   order_settle_id: {description: Settlement that it pays for or gives back; null for others}
--   recharge_settle_id: {description: Recharge that it comes from; null for others}
--   before_amount: {description: Yuan before, not_null: true}
--   change_amount: {description: "Yuan put on, or taken off where negative", not_null: true}
--   after_amount: {description: Yuan after, not_null: true}
--   remark: {description: Text of the till}
--   operator_name: {description: Who did it}
--   is_removed: {description: The source marks it as deleted}
--   changed_at: {description: When it happened, not_null: true}
--   _batch_id: {description: Landing that brought what the row shows}
select
    b.id as balance_change_id,
    terrace.to_bigint(b.payload ->> 'site_id') as site_id,
    terrace.to_date(b.payload ->> 'create_time') as business_date,
    terrace.to_bigint(b.payload ->> 'tenant_member_id') as member_id,
    terrace.to_bigint(b.payload ->> 'tenant_member_card_id') as member_card_id,
    coalesce(change_type.label_en, b.payload ->> 'from_type') as change_type,
    coalesce(payment_method.label_en, b.payload ->> 'payment_method') as payment_method,
    case when b.payload ->> 'from_type' in ('1', '2') then nullif(terrace.to_bigint(b.payload ->> 'relate_id'), 0) end as order_settle_id,
    case when b.payload ->> 'from_type' in ('3', '4') then nullif(terrace.to_bigint(b.payload ->> 'relate_id'), 0) end as recharge_settle_id,
    terrace.to_numeric(b.payload ->> 'before')::numeric(14, 2) as before_amount,
    terrace.to_numeric(b.payload ->> 'account_data')::numeric(14, 2) as change_amount,
    terrace.to_numeric(b.payload ->> 'after')::numeric(14, 2) as after_amount,
    b.payload ->> 'remark' as remark,
    b.payload ->> 'operator_name' as operator_name,
    terrace.to_bigint(b.payload ->> 'is_delete') = 1 as is_removed,
    terrace.to_timestamptz(b.payload ->> 'create_time', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as changed_at,
    b._batch_id
from feiqiu_ods.member_balance_changes as b
left join feiqiu_ref.balance_change_type as change_type
    on change_type.code = terrace.to_bigint(b.payload ->> 'from_type')
left join feiqiu_ref.payment_method as payment_method
    on payment_method.code = terrace.to_bigint(b.payload ->> 'payment_method')
where b._deleted_at is null
