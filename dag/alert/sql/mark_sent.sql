update terrace.alert as a
set
    status = 'sent',
    sent_at = clock_timestamp(),
    claimed_until = null,
    reason = ''
where a.alert_id = $1
    and a.status = 'sending'
