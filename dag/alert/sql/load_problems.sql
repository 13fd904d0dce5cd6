-- What a rule knows of one topic, by subject.
select
    p.subject,
    p.since,
    p.told_at,
    p.unsaid,
    p.problem
from terrace.alert_problem as p
where p.environment = $1
    and p.rule = $2
    and p.topic = $3
order by p.subject collate "C"
