-- A message that the channel has not taken waits again, unless a newer one of its rule does so meanwhile.
update terrace.alert as a
set
    status = case
        when exists (
            select
            from terrace.alert as newer
            where newer.environment = a.environment
                and newer.rule = a.rule
                and newer.topic = a.topic
                and newer.channel = a.channel
                and newer.status = 'pending'
        ) then 'suppressed'
        else 'pending'
    end,
    reason = $2,
    attempts = a.attempts - case when $5::boolean then 0 else 1 end,
    claimed_until = null,
    next_attempt_at = clock_timestamp() + $3::interval,
    held_until = clock_timestamp() + $4::interval
where a.alert_id = $1
    and a.status = 'sending'
