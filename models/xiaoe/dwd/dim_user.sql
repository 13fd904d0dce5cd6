-- kind: scd2
-- key: [user_id]
-- depends_on:
--   - xiaoe_ods.users__versions
-- scd2:
--   # What a user does changes by the hour: it is overwritten, and makes no version.
--   track: [nickname, phone, joined_through]
-- description: >-
--   Users over time. The list carries no time of change, so a version is valid from the moment in which it was first seen;
--   the columns of what a user does hold the last value seen within it.
-- columns:
--   user_id: {type: text, description: The user, not_null: true}
--   nickname: {type: text, description: Name that the user chose; null without one}
--   phone: {type: text, description: "Telephone number, masked by the source; null without one"}
--   joined_through: {type: text, description: How the user came}
--   pay_amount: {type: "numeric(14,2)", description: Yuan paid so far as the source counts}
--   punch_count: {type: bigint, description: Check-ins so far}
--   last_visited_at: {type: timestamptz, description: Last visit; null for never}
--   joined_at: {type: timestamptz, description: When the user joined}
--   _batch_id: {type: bigint, description: Landing that brought the version}
select
    v.user_id,
    nullif(v.payload ->> 'user_nickname', '') as nickname,
    coalesce(nullif(v.payload ->> 'bind_phone', ''), nullif(v.payload ->> 'collect_phone', '')) as phone,
    v.payload ->> 'from' as joined_through,
    (terrace.to_numeric(v.payload ->> 'pay_sum') / 100)::numeric(14, 2) as pay_amount,
    terrace.to_bigint(v.payload ->> 'punch_count') as punch_count,
    to_timestamp(nullif(terrace.to_bigint(v.payload ->> 'latest_visited_at'), 0) / 1000.0) as last_visited_at,
    terrace.to_timestamptz(v.payload ->> 'user_created_at', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as joined_at,
    v._batch_id,
    v._seen_at,
    v._version,
    v._deleted_at
from xiaoe_ods.users__versions as v
