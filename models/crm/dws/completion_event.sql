-- kind: table
-- key: [event_id]
-- depends_on:
--   - crm_dws.import_summary
--   - crm_dwd.dim_customer
--   - crm_dwd.fact_order
--   - crm_dwd.order_lead
-- description: >-
--   What each stage says when an import has gone through it, for programs that wait for that: an event per import and
--   stage, version 1.0. A change of its form is a new version.
-- columns:
--   event_id: {type: text, description: The event, not_null: true}
--   event: {type: text, description: Stage that is complete, not_null: true, values: [ORDERS_ETL_COMPLETED, CUSTOMERS_ETL_COMPLETED, LEADS_ETL_COMPLETED]}
--   event_version: {type: text, description: Version of the event's form, not_null: true, values: ["1.0"]}
--   import_id: {type: uuid, description: Import, not_null: true}
--   status: {type: text, description: What the stage comes to, not_null: true, values: [success, partial_success, failed]}
--   success_count: {type: bigint, description: "Rows used, customers made, or orders given to leads", not_null: true}
--   error_count: {type: bigint, description: Rows of the import that were left out, not_null: true}
--   error: {type: text, description: "Rules that rows broke, and how often; null without any"}
with stages as (
    select
        i.import_id,
        stage.event,
        stage.success_count
    from crm_dws.import_summary as i
    left join (
        select c.first_import_id as import_id, count(*) as customers
        from crm_dwd.dim_customer as c
        group by c.first_import_id
    ) as made
        on made.import_id = i.import_id
    left join (
        select o.first_import_id as import_id, count(*) as orders
        from crm_dwd.order_lead as l
        join crm_dwd.fact_order as o
            on o.order_id = l.order_id
        group by o.first_import_id
    ) as led
        on led.import_id = i.import_id
    cross join lateral (
        values
            ('ORDERS_ETL_COMPLETED', i.success_count),
            ('CUSTOMERS_ETL_COMPLETED', coalesce(made.customers, 0)),
            ('LEADS_ETL_COMPLETED', coalesce(led.orders, 0))
    ) as stage (event, success_count)
)

select
    s.import_id || '/' || s.event as event_id,
    s.event,
    '1.0' as event_version,
    s.import_id,
    i.status,
    s.success_count,
    i.error_count,
    i.error
from stages as s
join crm_dws.import_summary as i
    on i.import_id = s.import_id
