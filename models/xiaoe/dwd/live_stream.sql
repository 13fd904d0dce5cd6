-- kind: incremental
-- key: [live_id]
-- depends_on:
--   - xiaoe_ods.live_streams
-- incremental:
--   by: [live_id]
--   changed:
--     xiaoe_ods.live_streams: [id]
-- window: live_date
-- description: Broadcasts, one row each, announced ones included, as they stand now. Tips come as yuan in text, or as the number 0.
-- columns:
--   live_id: {type: text, description: The broadcast, not_null: true}
--   live_date: {type: date, description: Day for which it is announced in Asia/Shanghai}
--   title: {type: text, description: Title}
--   live_type_code: {type: bigint, description: "10 landscape, 11 portrait, 12 voice, 13 recorded"}
--   live_state_code: {type: bigint, description: "0 not begun, 1 on air, 2 over"}
--   is_listed: {type: boolean, description: Visitors can see it, not_null: true}
--   purchase_count: {type: bigint, description: Purchases}
--   reward_amount: {type: "numeric(14,2)", description: Yuan that viewers gave, not_null: true}
--   starts_at: {type: timestamptz, description: Announced begin}
--   ends_at: {type: timestamptz, description: Announced end}
--   ended_at: {type: timestamptz, description: When it was ended by hand; null where it was not}
--   _batch_id: {type: bigint, description: Landing that brought what the row shows}
select
    l.id as live_id,
    terrace.to_date(l.payload ->> 'alive_start_at') as live_date,
    l.payload ->> 'title' as title,
    terrace.to_bigint(l.payload ->> 'alive_type') as live_type_code,
    terrace.to_bigint(l.payload ->> 'alive_state') as live_state_code,
    coalesce(terrace.to_bigint(l.payload ->> 'recycle_bin_state') = 0, false) as is_listed,
    terrace.to_bigint(l.payload ->> 'purchase_count') as purchase_count,
    coalesce(terrace.to_numeric(l.payload ->> 'reward_sum'), 0)::numeric(14, 2) as reward_amount,
    terrace.to_timestamptz(l.payload ->> 'alive_start_at', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as starts_at,
    terrace.to_timestamptz(l.payload ->> 'alive_stop_at', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as ends_at,
    terrace.to_timestamptz(l.payload ->> 'alive_manual_stop_at', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as ended_at,
    l._batch_id
from xiaoe_ods.live_streams as l
where l._deleted_at is null
