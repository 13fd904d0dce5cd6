-- on: [crm_dws.import_summary]
-- severity: warn
-- description: An import has as many rows as its event tells of; one that has fewer may still be on its way.
select
    i.import_id,
    i.file,
    i.announced_rows,
    i.success_count + i.error_count as rows
from crm_dws.import_summary as i
where i.announced_rows <> i.success_count + i.error_count
