-- on: [crm_dws.completion_event]
-- severity: error
-- description: >-
--   What a consumer of completion events of version 1.0 may rely on: a known event, its version, an import, a status that
--   fits the counts, and an error wherever rows were left out. A form that breaks this needs a new version.
select
    e.event_id,
    problem.text as problem
from crm_dws.completion_event as e
cross join lateral (
    values
        (e.event_version is distinct from '1.0', 'event_version is ' || coalesce(e.event_version, 'missing') || ', 1.0 is understood'),
        (e.event not in ('ORDERS_ETL_COMPLETED', 'CUSTOMERS_ETL_COMPLETED', 'LEADS_ETL_COMPLETED'), 'event ' || e.event || ' is not known'),
        (e.import_id is null, 'import_id is missing'),
        (e.success_count is null or e.error_count is null, 'a count is missing'),
        (e.status = 'success' and e.error_count > 0, 'success with errors'),
        (e.status = 'partial_success' and e.error_count = 0, 'partial_success without errors'),
        (e.error_count > 0 and e.error is null, 'errors without a reason')
) as problem (is_one, text)
where problem.is_one
