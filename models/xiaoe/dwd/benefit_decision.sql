-- kind: scd2
-- key: [order_id]
-- depends_on:
--   - xiaoe_ods.orders__versions
--   - xiaoe_ref.order_state
-- scd2:
--   valid_from: decided_at
--   track: [decision]
-- description: >-
--   Whether an order has its benefit, over time: granted when it was paid, cancelled when all of its money went back no
--   later than fourteen days after it was made, the last second included. What happens after that changes nothing. Every
--   landed version says when it was paid and when money went back, so that the history is the same in whatever order and
--   however often versions were landed; no clock has a part in it.
-- columns:
--   order_id: {type: text, description: The order, not_null: true}
--   user_id: {type: text, description: Whose benefit it is, not_null: true}
--   resource_id: {type: text, description: What was ordered}
--   order_date: {type: date, description: Day of ordering in Asia/Shanghai, not_null: true}
--   decision: {type: text, description: "grant or cancel", not_null: true, values: [grant, cancel]}
--   ordered_at: {type: timestamptz, description: When it was ordered, not_null: true}
--   final_at: {type: timestamptz, description: "Fourteen days later: from then on the decision stands", not_null: true}
--   _batch_id: {type: bigint, description: Landing that brought the version}
with versions as (
    select
        v.order_id,
        v.payload,
        state.cancels_benefit,
        terrace.to_timestamptz(v.payload ->> 'created_time', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as ordered_at,
        terrace.to_timestamptz(v.payload ->> 'pay_time', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as paid_at,
        terrace.to_timestamptz(v.payload ->> 'refund_time', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as refunded_at,
        v._batch_id,
        v._seen_at,
        v._version,
        v._deleted_at
    from xiaoe_ods.orders__versions as v
    left join xiaoe_ref.order_state as state
        on state.code = terrace.to_bigint(v.payload ->> 'order_state')
),

-- A version that cancels and does not say when does so from the payment on.
decisions as (
    select
        v.*,
        moment.decision,
        moment.decided_at
    from versions as v
    cross join lateral (
        values
            ('grant', v.paid_at),
            (
                'cancel',
                case
                    when v.cancels_benefit
                        and coalesce(v.refunded_at, v.paid_at) <= v.ordered_at + interval '14 days'
                        then greatest(coalesce(v.refunded_at, v.paid_at), v.paid_at)
                end
            )
    ) as moment (decision, decided_at)
    where moment.decided_at is not null
        and v.paid_at is not null
        and not (moment.decision = 'grant' and v.cancels_benefit and coalesce(v.refunded_at, v.paid_at) <= v.paid_at)
)

select
    d.order_id,
    d.payload ->> 'user_id' as user_id,
    d.payload ->> 'resource_id' as resource_id,
    terrace.to_date(d.payload ->> 'created_time') as order_date,
    d.decision,
    d.ordered_at,
    d.ordered_at + interval '14 days' as final_at,
    d.decided_at,
    d._batch_id,
    d._seen_at,
    d._version,
    d._deleted_at
from decisions as d
