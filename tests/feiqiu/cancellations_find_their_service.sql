-- on: [feiqiu_dwd.fact_assistant_cancellation]
-- severity: warn
-- description: >-
--   Every cancellation leads to the service that was cancelled. One without counts for no assistant. A warning: the two
--   streams are read moments apart.
select
    c.cancellation_id,
    c.site_id,
    c.table_id,
    c.assistant_no,
    c.cancelled_at
from feiqiu_dwd.fact_assistant_cancellation as c
where c.service_id is null
