-- Limits that all processes keep together, whatever machine they are on: how often one source may be asked.

-- One row for each rate that a source declares: at most so many requests in any stretch of that length.
create table terrace.rate (
    source text not null,
    requests integer not null check (requests > 0),
    per interval not null check (per > interval '0'),
    -- The latest moments given out, oldest first. A large rate gives one to several requests, so that the row stays
    -- small; the moment is then that of the last of them.
    moments timestamptz[] not null default '{}',
    -- How many requests share the newest moment.
    taken integer not null default 0,
    primary key (source, requests, per)
);

-- Sources that asked to be left alone for a while.
create table terrace.hold (
    source text primary key,
    until timestamptz not null
);

-- Take the next free moment of a source within all of its rates, and say how far away it is. Moments are given out in
-- the order in which processes come. A rate keeps at most a hundred of them: of n requests each moment serves
-- ceil(n / 100), and a new one is free once the oldest kept is as old as the rate is long, so that no stretch of that
-- length has more than n.
create function terrace.reserve_request(of_source text, wanted_requests integer[], wanted_per interval[]) returns interval
language plpgsql
as $$
declare
    came timestamptz;
    free timestamptz;
begin
    -- A moment that a crash of the server forgets was waited for all the same.
    perform set_config('synchronous_commit', 'off', true);
    perform pg_advisory_xact_lock(hashtextextended('terrace.rate:' || of_source, 0));
    came := clock_timestamp();
    free := greatest(came, (select h.until from terrace.hold as h where h.source = of_source));
    insert into terrace.rate (source, requests, per)
    select of_source, w.requests, w.per
    from unnest(wanted_requests, wanted_per) as w (requests, per)
    on conflict do nothing;
    select greatest(
        free,
        max(r.moments[cardinality(r.moments)]),
        max(r.moments[1] + r.per) filter (
            where r.taken >= ceil(r.requests / 100.0)
                and cardinality(r.moments) >= floor(r.requests / ceil(r.requests / 100.0))
        )
    )
    into free
    from terrace.rate as r
    join unnest(wanted_requests, wanted_per) as w (requests, per)
        on w.requests = r.requests
        and w.per = r.per
    where r.source = of_source;
    update terrace.rate as r
    set
        moments = case
            when r.taken between 1 and ceil(r.requests / 100.0) - 1 then r.moments[:cardinality(r.moments) - 1] || free
            when cardinality(r.moments) < floor(r.requests / ceil(r.requests / 100.0)) then r.moments || free
            else r.moments[2:] || free
        end,
        taken = case when r.taken between 1 and ceil(r.requests / 100.0) - 1 then r.taken + 1 else 1 end
    from unnest(wanted_requests, wanted_per) as w (requests, per)
    where r.source = of_source
        and r.requests = w.requests
        and r.per = w.per;
    return free - came;
end
$$;
