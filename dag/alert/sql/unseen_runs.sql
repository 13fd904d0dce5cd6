-- Runs of the last day of which no rule has taken notice; what is older is no news.
select r.run_id
from terrace.run as r
where not r.alerts_seen
    and r.started_at > clock_timestamp() - interval '1 day'
    and r.environment = $1
order by r.started_at
