-- kind: incremental
-- key: [event_id]
-- depends_on:
--   - crm_ods.import_events
-- incremental:
--   by: [event_id]
-- rejects:
--   event: {when: event is distinct from 'DATA_IMPORT_COMPLETED', message: is no event that is waited for}
--   event_version:
--     when: event_version is distinct from '1.0'
--     message: "is a version that is not understood: the producer has to send 1.0, or this model has to learn the other one"
--   import_id: {when: import_id is null, message: is missing or no UUID}
--   status: {when: status is null, message: is missing}
--   row_count: {when: row_count is null or row_count < 0, message: is missing or no count}
--   occurred_at: {when: occurred_at is null, message: "is missing or no time such as 2025-09-01T08:00:00Z"}
-- description: >-
--   Events that announce imports and are understood. One of an unknown version, or without a field, is in
--   import_event__rejects with what is wrong, and its import waits.
-- columns:
--   event_id: {type: text, description: The event, not_null: true}
--   event: {type: text, description: What happened, not_null: true}
--   event_version: {type: text, description: Version of the event's form, not_null: true}
--   import_id: {type: uuid, description: Import that it is about, not_null: true}
--   status: {type: text, description: "What became of the import; only completed ones count", not_null: true}
--   row_count: {type: bigint, description: Rows that the import has, not_null: true}
--   occurred_at: {type: timestamptz, description: When it happened, not_null: true}
select
    s.event_id,
    s.payload ->> 'event' as event,
    s.payload ->> 'event_version' as event_version,
    case
        when s.payload ->> 'import_id' ~* '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
            then (s.payload ->> 'import_id')::uuid
    end as import_id,
    s.payload ->> 'status' as status,
    terrace.to_bigint(s.payload ->> 'row_count') as row_count,
    terrace.to_timestamptz(s.payload ->> 'occurred_at', 'YYYY-MM-DD"T"HH24:MI:SS"Z"', 'UTC') as occurred_at
from crm_ods.import_events as s
where s._deleted_at is null
