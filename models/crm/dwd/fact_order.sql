-- kind: incremental
-- key: [order_id]
-- depends_on:
--   - crm_dwd.order_row
--   - crm_ref.order_type_mapping
-- incremental:
--   by: [order_id]
--   changed:
--     crm_dwd.order_row: [order_id]
-- window: order_day
-- indexes:
--   - columns: [customer_global_id]
-- description: >-
--   Orders, one row each, as the last row that could be used has them: by the time of the import, then by its id, then by
--   the number of the row.
-- columns:
--   order_id: {type: text, description: The order, not_null: true}
--   customer_global_id: {type: uuid, description: "Customer; made of shop and name, so that it is the same in every rebuild", not_null: true}
--   customer_nickname: {type: text, description: Customer as the shop knows it, not_null: true}
--   shop_id: {type: bigint, description: Shop, not_null: true}
--   shop: {type: text, description: Name of the shop, not_null: true}
--   order_type: {type: text, description: Type as the import writes it; null without one}
--   system_order_type: {type: text, description: "SAMPLE or BULK, which is what unknown types are", not_null: true, values: [SAMPLE, BULK]}
--   latest_status: {type: text, description: Status}
--   amount: {type: "numeric(14,2)", description: Amount, not_null: true}
--   currency: {type: text, description: Currency of the amount}
--   order_date: {type: timestamptz, description: When it was ordered, not_null: true}
--   order_day: {type: date, description: Its day in Asia/Shanghai, not_null: true}
--   first_import_id: {type: uuid, description: Import that brought it first, not_null: true}
--   first_row_no: {type: bigint, description: Row of that import, not_null: true}
--   first_imported_at: {type: timestamptz, description: When that was, not_null: true}
--   last_import_id: {type: uuid, description: Import that brought it last, not_null: true}
--   updated_at: {type: timestamptz, description: When that was, not_null: true}
--   row_count: {type: bigint, description: Rows that it was in, not_null: true}
with ranked as (
    select
        r.*,
        first_value(r.import_id) over first_first as first_import_id,
        first_value(r.row_no) over first_first as first_row_no,
        first_value(r.created_at) over first_first as first_imported_at,
        count(*) over (partition by r.order_id) as row_count,
        row_number() over (partition by r.order_id order by r.created_at desc, r.import_id desc, r.row_no desc) as rank
    from crm_dwd.order_row as r
    window first_first as (partition by r.order_id order by r.created_at, r.import_id, r.row_no)
)

select
    r.order_id,
    md5('crm customer ' || r.shop_id || ':' || r.customer_name)::uuid as customer_global_id,
    r.customer_name as customer_nickname,
    r.shop_id,
    r.shop,
    r.order_type,
    coalesce(mapping.system_order_type, 'BULK') as system_order_type,
    r.order_status as latest_status,
    r.amount::numeric(14, 2) as amount,
    r.currency,
    r.order_date,
    (r.order_date at time zone 'Asia/Shanghai')::date as order_day,
    r.first_import_id,
    r.first_row_no,
    r.first_imported_at,
    r.import_id as last_import_id,
    r.created_at as updated_at,
    r.row_count
from ranked as r
left join crm_ref.order_type_mapping as mapping
    on mapping.raw_order_type = r.order_type
where r.rank = 1
