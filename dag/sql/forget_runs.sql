-- Deletes the runs, with their steps and what their assertions found, and adds what /metrics counts of them to what was
-- forgotten before. Only what this very statement deletes counts: somebody else may delete the same.
with gone as (
    delete from terrace.run as r
    where r.run_id = any($1::uuid[])
    returning
        r.run_id,
        r.command,
        case when r.ended_at is null then $3 else r.status end as status,
        extract(epoch from r.ended_at - r.started_at) as seconds
),
steps as (
    select s.node, s.kind, s.status, round(s.seconds::numeric, 6) as seconds
    from terrace.step as s
    join gone as g
        on g.run_id = s.run_id
),
counted as (
    insert into terrace.forgotten as f (what, name, result, below, count, seconds)
    select
        'run', g.command, g.status,
        coalesce((select min(b.bound) from unnest($2::float8[]) as b (bound) where b.bound > g.seconds), 'Infinity') as below,
        count(*), coalesce(sum(g.seconds), 0)
    from gone as g
    group by g.command, g.status, below
    union all
    select 'step', s.node, s.status, 'Infinity', count(*), sum(s.seconds)
    from steps as s
    where s.kind <> 'assertion'
    group by s.node, s.status
    on conflict (what, name, result, below) do update
    set
        count = f.count + excluded.count,
        seconds = f.seconds + excluded.seconds
)
select
    (select count(*) from gone),
    (select count(*) from steps),
    (
        select count(*)
        from terrace.assertion_result as j
        join gone as g
            on g.run_id = j.run_id
    )
