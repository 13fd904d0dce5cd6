-- What nobody took for a week is given up, and what was done with a month ago is forgotten.
with given_up as (
    update terrace.alert as a
    set
        status = 'failed',
        reason = 'given up after a week: ' || a.reason
    where a.environment = $1
        and a.status = 'pending'
        and a.created_at < clock_timestamp() - interval '7 days'
)
delete from terrace.alert as a
where a.environment = $1
    and a.status in ('sent', 'suppressed', 'failed')
    and a.created_at < clock_timestamp() - interval '30 days'
