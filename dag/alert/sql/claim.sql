-- Claim what waits for a channel, the oldest first, no more than the channel takes in a minute. Who comes as a command ($3)
-- tries also what is not due yet, but never before the channel takes anything again. A claim that has lapsed was that of
-- a process that is gone.
with room as (
    select greatest(0, $4::integer - count(*)) as messages
    from terrace.alert as a
    where a.channel = $2
        and (
            a.status = 'sent' and a.sent_at > clock_timestamp() - interval '1 minute'
            or a.status = 'sending' and a.claimed_until > clock_timestamp()
        )
), free as (
    select a.alert_id
    from terrace.alert as a
    where a.environment = $1
        and a.channel = $2
        and (
            a.status = 'pending' and ($3::boolean or a.next_attempt_at <= clock_timestamp())
            or a.status = 'sending' and a.claimed_until <= clock_timestamp()
        )
        and (a.held_until is null or a.held_until <= clock_timestamp())
    order by a.alert_id
    limit (select r.messages from room as r)
)
update terrace.alert as a
set
    status = 'sending',
    claimed_until = clock_timestamp() + interval '1 minute',
    attempts = a.attempts + 1
from free as f
where f.alert_id = a.alert_id
returning a.alert_id, a.attempts, a.message
