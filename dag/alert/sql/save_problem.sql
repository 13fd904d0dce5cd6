insert into terrace.alert_problem (environment, rule, topic, subject, since, told_at, unsaid, problem)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (environment, rule, topic, subject) do update
set
    since = excluded.since,
    told_at = excluded.told_at,
    unsaid = excluded.unsaid,
    problem = excluded.problem
