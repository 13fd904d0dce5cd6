select
    a.alert_id,
    a.rule,
    a.channel,
    a.event,
    a.status,
    a.reason,
    a.created_at,
    a.sent_at,
    a.attempts,
    a.message
from terrace.alert as a
where a.environment = $1
order by a.alert_id desc
limit $2
