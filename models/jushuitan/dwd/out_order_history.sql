-- kind: scd2
-- key: [io_id]
-- depends_on:
--   - jushuitan_ods.orders_out__versions
--   - jushuitan_ref.order_status
-- scd2:
--   valid_from: modified_at
--   track: [shop_id, warehouse_id, status, pay_amount]
-- description: >-
--   Where out-orders stood over time, by the source's own time of change: from waiting to shipped, and back where one was
--   called back. What changed twice between two readings shows its last state.
-- columns:
--   io_id: {type: bigint, description: The out-order, not_null: true}
--   shop_id: {type: bigint, description: Shop, not_null: true}
--   warehouse_id: {type: bigint, description: Warehouse}
--   status: {type: text, description: Where it stood, not_null: true}
--   pay_amount: {type: "numeric(14,2)", description: What the head said was to be paid}
--   tracking_no: {type: text, description: Number of the parcel when last seen within the version}
--   remark: {type: text, description: Remark when last seen within the version}
--   _batch_id: {type: bigint, description: Landing that brought the version}
select
    v.io_id,
    terrace.to_bigint(v.payload ->> 'shop_id') as shop_id,
    terrace.to_bigint(v.payload ->> 'wms_co_id') as warehouse_id,
    coalesce(status.label_en, v.payload ->> 'status') as status,
    terrace.to_numeric(v.payload ->> 'pay_amount')::numeric(14, 2) as pay_amount,
    nullif(v.payload ->> 'l_id', '') as tracking_no,
    nullif(v.payload ->> 'remark', '') as remark,
    terrace.to_timestamptz(v.payload ->> 'modified', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as modified_at,
    v._batch_id,
    v._seen_at,
    v._version,
    v._deleted_at
from jushuitan_ods.orders_out__versions as v
left join jushuitan_ref.order_status as status
    on status.code = v.payload ->> 'status'
