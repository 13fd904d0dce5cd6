-- Forget what ended long ago, the oldest first and no more than a number at a time. Of schedules that there are, the newest
-- of each ending stays: it says when a schedule last went well. What did not run stays counted.
with old as (
    select o.occurrence_id
    from terrace.occurrence as o
    where o.ended_at < coalesce($1::timestamptz, clock_timestamp()) - $2::interval
        and (
            not exists (select from terrace.schedule as s where s.name = o.schedule)
            or exists (
                select
                from terrace.occurrence as newer
                where newer.schedule = o.schedule
                    and newer.scheduled_for > o.scheduled_for
                    and newer.status = o.status
                    and newer.manual = o.manual
            )
        )
    order by o.ended_at
    limit $3
),

gone as (
    delete from terrace.occurrence as o
    using old
    where old.occurrence_id = o.occurrence_id
    returning
        o.schedule,
        o.status
),

counted as (
    update terrace.schedule as s
    set forgotten_skips = s.forgotten_skips + g.skips
    from (
        select
            gone.schedule,
            count(*) as skips
        from gone
        where gone.status = 'skip'
        group by gone.schedule
    ) as g
    where g.schedule = s.name
)

select count(*) from gone
