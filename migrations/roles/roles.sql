-- Three roles that need not log in: who logs in is made a member of one, and takes it with
--     alter role somebody set role = 'terrace_transformer'
-- Roles belong to the cluster and are shared by its databases; everything else here belongs to this database.

-- Two of these at once in one database would change the same grants, which the catalog refuses.
select pg_advisory_xact_lock(hashtextextended('terrace.roles', 0));

do $$
declare
    wanted text;
begin
    foreach wanted in array array['terrace_loader', 'terrace_transformer', 'terrace_reader'] loop
        if to_regrole(wanted) is null then
            begin
                execute format('create role %I nologin', wanted);
            exception when duplicate_object or unique_violation then
                null; -- made in another database meanwhile, which no lock of this one sees
            end;
        end if;
        -- Whoever hands relations over to a role must be able to act as that role.
        if not pg_has_role(current_user, wanted, 'member') then
            execute format('grant %I to current_user', wanted);
        end if;
    end loop;
    execute format('grant create, temporary on database %I to terrace_loader, terrace_transformer', current_database());
end
$$;

-- The ledger, for both that run. Nobody deletes from it; whoever may, owns it.
grant usage on schema terrace to terrace_loader, terrace_transformer;
grant select on terrace.schema_migrations to terrace_loader, terrace_transformer;
grant select, insert, update on terrace.run, terrace.step, terrace.batch to terrace_loader, terrace_transformer;
grant select on terrace.forgotten to terrace_loader, terrace_transformer;
grant select, insert, update, delete on terrace.variable to terrace_loader, terrace_transformer;

-- Schedules, for both: what they start extracts, builds, or does both.
grant select, insert, update, delete on terrace.schedule to terrace_loader, terrace_transformer;
grant select, insert, update, delete on terrace.occurrence to terrace_loader, terrace_transformer;

-- Alerts, for both: whoever ends a run says what became of it. What was sent long ago is forgotten.
grant select, insert, update, delete on terrace.alert, terrace.alert_problem, terrace.database_size to terrace_loader, terrace_transformer;

-- Landing.
grant select, insert, update on terrace.slice, terrace.cursor, terrace.stream, terrace.reject to terrace_loader;
grant select, insert, update, delete on terrace.token to terrace_loader;
grant select, insert, update on terrace.rate, terrace.hold to terrace_loader;
grant select on terrace.node_state to terrace_loader;

-- Models: their state, and the schemas in which new content waits and changes are kept.
grant select, insert, update, delete on terrace.node_state to terrace_transformer;
grant select, insert, update on terrace.assertion_result to terrace_transformer;
grant select, insert, update on terrace.observed to terrace_transformer;
grant select on terrace.slice, terrace.cursor, terrace.stream, terrace.reject to terrace_transformer;
grant usage, create on schema terrace_stage, terrace_changes to terrace_transformer;

-- A view calls its functions as the role that reads the view, and terrace.var() looks into a table of this schema.
alter function terrace.var(text) security definer;

-- What each of them makes from now on.
alter default privileges for role terrace_loader grant usage on schemas to terrace_transformer;
alter default privileges for role terrace_loader grant select on tables to terrace_transformer;
alter default privileges for role terrace_transformer grant usage on schemas to terrace_reader;
alter default privileges for role terrace_transformer grant select on tables to terrace_reader;

-- What was made before, by whoever that was: only its owner can replace a relation, so it changes hands.
do $$
declare
    r record;
begin
    for r in
        select
            c.oid,
            n.nspname as schema_name,
            format('%I.%I', n.nspname, c.relname) as relation,
            case c.relkind when 'v' then 'view' when 'm' then 'materialized view' else 'table' end as word,
            made.keeper,
            made.audience,
            pg_get_userbyid(c.relowner) as owner
        from (
            select s.stream || suffix as name, 'terrace_loader' as keeper, 'terrace_transformer' as audience
            from terrace.stream as s
            cross join unnest(array['', '__history', '__versions']) as suffix
            union all
            select s.node || suffix, 'terrace_transformer', 'terrace_reader'
            from terrace.node_state as s
            cross join unnest(array['', '__rejects']) as suffix
            where s.kind not in ('stream', 'assertion', 'sql')
        ) as made
        join pg_namespace as n
            on n.nspname = split_part(made.name, '.', 1)
        join pg_class as named
            on named.relnamespace = n.oid
            and named.relname = split_part(made.name, '.', 2)
        join pg_class as c -- it, or a partition of it
            on c.oid = named.oid
            or c.oid in (select i.inhrelid from pg_inherits as i where i.inhparent = named.oid and named.relkind = 'p')
        where c.relkind in ('r', 'p', 'v', 'm')
        order by made.name
    loop
        execute format('grant usage, create on schema %I to %I', r.schema_name, r.keeper);
        execute format('grant usage on schema %I to %I', r.schema_name, r.audience);
        if r.owner <> r.keeper then
            execute format('alter %s %s owner to %I', r.word, r.relation, r.keeper);
        end if;
        execute format('grant select on %s to %I', r.relation, r.audience);
    end loop;
end
$$;

-- A grant by somebody who may not make it is only a warning to the server.
do $$
begin
    if not has_database_privilege('terrace_loader', current_database(), 'create')
        or not has_table_privilege('terrace_loader', 'terrace.batch', 'insert')
        or not has_schema_privilege('terrace_transformer', 'terrace_stage', 'create')
    then
        raise exception 'role % may not grant on this database and schema terrace', current_user
            using errcode = 'insufficient_privilege',
                  hint = 'Run terrace migrate --roles as the role that owns both, or as a superuser.';
    end if;
end
$$;
