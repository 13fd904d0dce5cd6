-- on: [feiqiu_ads.quality_report]
-- severity: error
-- description: >-
--   The quality report has no differences: what is landed and what is modelled agree per table, in count and in sum. The
--   columns of the rows say where not.
select
    r.stream,
    r.model,
    r.figure,
    r.records_in_ods,
    r.records_in_dwd,
    r.total_in_ods,
    r.total_in_dwd
from feiqiu_ads.quality_report as r
where not r.is_equal
