-- kind: incremental
-- key: [import_id, row_no]
-- depends_on:
--   - crm_ods.raw_orders_csv
--   - crm_ods.raw_orders_json
--   - crm_dwd.import_event
--   - crm_ref.shop_config
-- incremental:
--   by: [import_id]
--   changed:
--     crm_ods.raw_orders_csv: [import_id]
--     crm_ods.raw_orders_json: [import_id]
--     crm_dwd.import_event: [import_id]
-- indexes:
--   - columns: [order_id]
-- rejects:
--   order_id: {when: order_id is null, message: is missing}
--   customer_name: {when: customer_name is null, message: is missing}
--   shop: {when: shop_id is null, field: shop, message: is no shop of crm_ref.shop_config}
--   amount: {when: amount is null or amount < 0 or amount >= 1e12, message: "is no amount, or below zero"}
--   order_date: {when: order_date is null, message: "is no time such as 2026-01-05 10:00:00"}
--   created_at: {when: created_at is null, message: "is no time such as 2026-01-06T01:00:00Z"}
--   import_unknown:
--     when: not is_announced
--     field: import_id
--     message: is no import that an event says to be complete
-- description: >-
--   Rows of imports that can be used, as they came: an order has one for every time that it was imported. Rows that
--   cannot be used are in order_row__rejects, until their import is announced or their shop is known.
-- columns:
--   import_id: {type: uuid, description: Import, not_null: true}
--   row_no: {type: bigint, description: Row of the import, not_null: true}
--   order_id: {type: text, description: Order, not_null: true}
--   customer_name: {type: text, description: Customer as the shop knows it, not_null: true}
--   shop: {type: text, description: Shop as the import names it, not_null: true}
--   shop_id: {type: bigint, description: Shop, not_null: true, references: crm_ref.shop_config.shop_id}
--   order_type: {type: text, description: Type as the import writes it; null without one}
--   order_status: {type: text, description: Status}
--   amount: {type: numeric, description: Amount as it was written, not_null: true}
--   currency: {type: text, description: Currency of the amount}
--   order_date: {type: timestamptz, description: When it was ordered, not_null: true}
--   salesperson: {type: text, description: Who sold it; null when nobody is named}
--   remark: {type: text, description: Remark; null without one}
--   created_at: {type: timestamptz, description: When it was imported, not_null: true}
--   is_announced: {type: boolean, description: An event says that the import is complete; always true here, not_null: true}
--   _batch_id: {type: bigint, description: Landing that brought it}
--   _file: {type: text, description: File that it came from}
--   _line: {type: bigint, description: Line of that file}
with landed as (
    select s.import_id, s.row_no, s.payload, s._batch_id, s._file, s._line
    from crm_ods.raw_orders_csv as s
    where s._deleted_at is null
    union all
    select s.import_id, s.row_no, s.payload, s._batch_id, s._file, s._line
    from crm_ods.raw_orders_json as s
    where s._deleted_at is null
)

select
    l.import_id,
    l.row_no,
    nullif(l.payload ->> 'order_id', '') as order_id,
    nullif(l.payload ->> 'customer_name', '') as customer_name,
    nullif(l.payload ->> 'shop', '') as shop,
    shop_config.shop_id,
    nullif(l.payload ->> 'order_type', '') as order_type,
    nullif(l.payload ->> 'order_status', '') as order_status,
    terrace.to_numeric(l.payload ->> 'amount') as amount,
    nullif(l.payload ->> 'currency', '') as currency,
    case
        when terrace.to_date(l.payload ->> 'order_date') is not null
            then terrace.to_timestamptz(l.payload ->> 'order_date', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai')
    end as order_date,
    nullif(l.payload ->> 'salesperson', '') as salesperson,
    nullif(l.payload ->> 'remark', '') as remark,
    terrace.to_timestamptz(l.payload ->> 'created_at', 'YYYY-MM-DD"T"HH24:MI:SS"Z"', 'UTC') as created_at,
    announced.import_id is not null as is_announced,
    l._batch_id,
    l._file,
    l._line
from landed as l
left join crm_ref.shop_config as shop_config
    on shop_config.shop_name = l.payload ->> 'shop'
left join (
    select distinct e.import_id
    from crm_dwd.import_event as e
    where e.status = 'completed'
) as announced
    on announced.import_id = l.import_id
