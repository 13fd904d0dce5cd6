insert into terrace.alert (environment, rule, topic, channel, event, message)
values ($1, $2, $3, $4, $5, $6)
