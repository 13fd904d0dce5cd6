-- kind: scd2
-- key: [assistant_id]
-- depends_on:
--   - feiqiu_ods.assistant_accounts_master__versions
-- scd2:
--   # The last table changes with every service: it is overwritten, and makes no version.
--   track: [
--     site_id, assistant_no, nickname, real_name, mobile, gender, level_code, level_name, play_price,
--     overtime_price, is_active, is_on_leave, is_removed, entered_on, resigned_on, opened_at
--   ]
-- description: >-
--   Assistants of the halls over time; where somebody was last holds the last place seen within a version.
-- columns:
--   assistant_id: {description: The assistant, not_null: true}
--   site_id: {description: Hall, not_null: true}
--   assistant_no: {description: "Number within the hall, with its leading zero"}
--   nickname: {description: Name in the hall}
--   real_name: {description: "Name, masked by the source"}
--   mobile: {description: "Telephone number, masked by the source"}
--   gender: {description: "male, female or null"}
--   level_code: {description: Level as the source codes it}
--   level_name: {description: Level}
--   play_price: {description: Yuan per hour for playing along}
--   overtime_price: {description: Yuan per hour beyond the hours}
--   is_active: {description: Works}
--   is_on_leave: {description: Is on leave}
--   is_removed: {description: The source marks the account as deleted}
--   entered_on: {description: First day}
--   resigned_on: {description: Last day; null for those who work}
--   last_table_id: {description: Table of the last service when last seen; null before the first}
--   updated_at: {description: When the source last touched the record}
--   opened_at: {description: When the account was opened}
--   _batch_id: {description: Landing that brought the version}
select
    v.id as assistant_id,
    terrace.to_bigint(v.payload ->> 'site_id') as site_id,
    v.payload ->> 'assistant_no' as assistant_no,
    v.payload ->> 'nickname' as nickname,
    v.payload ->> 'real_name' as real_name,
    v.payload ->> 'mobile' as mobile,
    case terrace.to_bigint(v.payload ->> 'gender') when 1 then 'male' when 2 then 'female' end as gender,
    terrace.to_bigint(v.payload ->> 'level')::integer as level_code,
    v.payload ->> 'level_name' as level_name,
    terrace.to_numeric(v.payload ->> 'pd_unit_price')::numeric(14, 2) as play_price,
    terrace.to_numeric(v.payload ->> 'cx_unit_price')::numeric(14, 2) as overtime_price,
    terrace.to_bigint(v.payload ->> 'assistant_status') = 1 as is_active,
    terrace.to_bigint(v.payload ->> 'leave_status') = 1 as is_on_leave,
    terrace.to_bigint(v.payload ->> 'is_delete') = 1 as is_removed,
    terrace.to_date(v.payload ->> 'entry_time') as entered_on,
    terrace.to_date(v.payload ->> 'resign_time') as resigned_on,
    nullif(terrace.to_bigint(v.payload ->> 'last_table_id'), 0) as last_table_id,
    terrace.to_timestamptz(v.payload ->> 'update_time', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as updated_at,
    terrace.to_timestamptz(v.payload ->> 'create_time', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as opened_at,
    v._batch_id,
    v._seen_at,
    v._version,
    v._deleted_at
from feiqiu_ods.assistant_accounts_master__versions as v
