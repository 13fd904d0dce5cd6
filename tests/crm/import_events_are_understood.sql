-- on: [crm_dwd.import_event]
-- severity: warn
-- description: >-
--   Events that were refused, with what is wrong with them: an unknown version, a missing field. Their imports wait. One
--   whose import was announced by another event since is settled and not listed.
select
    r.row ->> 'event_id' as event_id,
    r.field || ' ' || r.message as problem,
    r.value
from crm_dwd.import_event__rejects as r
where not exists (
    select
    from crm_dwd.import_event as e
    where e.status = 'completed'
        and (e.import_id::text = r.row ->> 'import_id' or e.event_id like split_part(r.row ->> 'event_id', '/', 1) || '/%')
)
