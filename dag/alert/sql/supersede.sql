-- Take back the message of a rule and topic that waits for a channel.
update terrace.alert as a
set
    status = 'suppressed',
    reason = 'a newer message says what still goes on' || case when a.reason = '' then '' else '; not sent before that: ' || a.reason end
where a.environment = $1
    and a.rule = $2
    and a.topic = $3
    and a.channel = $4
    and a.status = 'pending'
returning a.message
