-- kind: scd2
-- key: [member_id]
-- depends_on:
--   - feiqiu_ods.member_profiles__versions
-- description: >-
--   Members of the tenant over time. Profiles carry no time of change, so a version is valid from the moment in which
--   it was first seen.
-- columns:
--   member_id: {description: The member, not_null: true}
--   site_id: {description: Hall in which the member registered, not_null: true}
--   site_name: {description: Name of that hall}
--   nickname: {description: Name that the member chose}
--   mobile: {description: "Telephone number, masked by the source"}
--   grade_code: {description: Grade of the member card as the source codes it}
--   grade_name: {description: Grade of the member card}
--   system_member_id: {description: The same person in the vendor's own system}
--   point_balance: {description: Points}
--   growth_value: {description: Growth value that grades are given by}
--   referrer_member_id: {description: Member who brought this one; null without one}
--   is_active: {description: The profile is not blocked}
--   registered_at: {description: When the member registered; null for those taken over from paper}
--   _batch_id: {description: Landing that brought the version}
select
    v.id as member_id,
    terrace.to_bigint(v.payload ->> 'register_site_id') as site_id,
    v.payload ->> 'site_name' as site_name,
    v.payload ->> 'nickname' as nickname,
    v.payload ->> 'mobile' as mobile,
    terrace.to_bigint(v.payload ->> 'member_card_grade_code')::integer as grade_code,
    v.payload ->> 'member_card_grade_name' as grade_name,
    terrace.to_bigint(v.payload ->> 'system_member_id') as system_member_id,
    terrace.to_numeric(v.payload ->> 'point')::numeric(14, 2) as point_balance,
    terrace.to_numeric(v.payload ->> 'growth_value')::numeric(14, 2) as growth_value,
    nullif(terrace.to_bigint(v.payload ->> 'referrer_member_id'), 0) as referrer_member_id,
    terrace.to_bigint(v.payload ->> 'status') = 1 as is_active,
    terrace.to_timestamptz(v.payload ->> 'create_time', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as registered_at,
    v._batch_id,
    v._seen_at,
    v._version,
    v._deleted_at
from feiqiu_ods.member_profiles__versions as v
