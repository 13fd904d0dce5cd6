-- kind: incremental
-- key: [aftersale_id]
-- depends_on:
--   - xiaoe_ods.refunds
--   - xiaoe_ref.aftersale_state
-- incremental:
--   by: [aftersale_id]
--   changed:
--     xiaoe_ods.refunds: [aftersale_id]
-- window: business_date
-- indexes:
--   - columns: [order_id]
--   - columns: [business_date]
-- description: >-
--   After-sales, one row each, as they stand now; those with is_done gave money back. The source sends fen, amounts here are
--   yuan.
-- columns:
--   aftersale_id: {type: text, description: The after-sale, not_null: true}
--   order_id: {type: text, description: The order that it belongs to, not_null: true}
--   business_date: {type: date, description: "Day of its last change in Asia/Shanghai; where it is done, the day on which the money went back", not_null: true}
--   state: {type: text, description: Where it stands; a code without a name stays as it came, not_null: true}
--   is_done: {type: boolean, description: Money went back, not_null: true}
--   apply_amount: {type: "numeric(14,2)", description: What the buyer asked for, not_null: true}
--   refund_amount: {type: "numeric(14,2)", description: What went back; 0 until it did, not_null: true}
--   order_amount: {type: "numeric(14,2)", description: What had been paid for the order}
--   sale_type: {type: text, description: Whether goods come back as well}
--   reason: {type: text, description: What the buyer says}
--   goods_name: {type: text, description: What it is about}
--   created_at: {type: timestamptz, description: When the buyer asked, not_null: true}
--   updated_at: {type: timestamptz, description: When it last changed, not_null: true}
--   _batch_id: {type: bigint, description: Landing that brought what the row shows}
select
    r.aftersale_id,
    r.payload ->> 'order_id' as order_id,
    terrace.to_date(r.payload ->> 'updated_at') as business_date,
    coalesce(state.label_en, r.payload ->> 'state') as state,
    r.payload ->> 'state' = '13' as is_done,
    (coalesce(terrace.to_numeric(r.payload ->> 'apply_refund_money'), 0) / 100)::numeric(14, 2) as apply_amount,
    (coalesce(terrace.to_numeric(r.payload ->> 'refund_money'), 0) / 100)::numeric(14, 2) as refund_amount,
    (terrace.to_numeric(r.payload ->> 'actual_fee') / 100)::numeric(14, 2) as order_amount,
    r.payload ->> 'sale_type_name' as sale_type,
    nullif(r.payload ->> 'reason', '') as reason,
    r.payload ->> 'goods_name' as goods_name,
    terrace.to_timestamptz(r.payload ->> 'created_at', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as created_at,
    terrace.to_timestamptz(r.payload ->> 'updated_at', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as updated_at,
    r._batch_id
from xiaoe_ods.refunds as r
left join xiaoe_ref.aftersale_state as state
    on state.code = terrace.to_bigint(r.payload ->> 'state')
where r._deleted_at is null
