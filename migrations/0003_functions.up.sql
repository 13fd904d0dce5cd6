-- Functions that models may call. Parameters reach SQL as settings of the session, so that a model is plain SQL and
-- runs in psql as it stands. Every body is a single expression or catches its own errors.

create function terrace.var(name text) returns text
language plpgsql stable parallel safe
set search_path = ''
as $$
declare
    vars text := nullif(current_setting('terrace.vars', true), '');
    found_value text;
begin
    if vars is not null and vars::jsonb ? name then
        return vars::jsonb ->> name;
    end if;
    select v.value into found_value from terrace.variable as v where v.name = var.name;
    if not found then
        raise exception 'variable "%" is not set', name
            using errcode = 'undefined_parameter',
                  hint = format('Add it under vars: in terrace.yml, or pass --var %s=VALUE.', name);
    end if;
    return found_value;
end
$$;

create function terrace.window_start() returns timestamptz
language sql stable parallel safe
as $$ select nullif(current_setting('terrace.window_start', true), '')::timestamptz $$;

create function terrace.window_end() returns timestamptz
language sql stable parallel safe
as $$ select nullif(current_setting('terrace.window_end', true), '')::timestamptz $$;

create function terrace.run_id() returns uuid
language sql stable parallel safe
as $$ select nullif(current_setting('terrace.run_id', true), '')::uuid $$;

-- One value for the whole run; outside a run, the transaction's own time.
create function terrace.run_at() returns timestamptz
language sql stable parallel safe
as $$ select coalesce(nullif(current_setting('terrace.run_at', true), '')::timestamptz, now()) $$;

-- Safe casts: NULL where the text is not a value of the type. The pattern is tried first, so that the usual case pays
-- for no exception block and the planner can inline the function.
create function terrace.to_numeric(value text) returns numeric
language sql immutable parallel safe
as $$
    select case
        when length(value) <= 1000
            and value ~ '^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?\s*$' then value::numeric
    end
$$;

create function terrace.to_bigint(value text) returns bigint
language sql immutable parallel safe
as $$
    select case
        when value ~ '^\s*[+-]?\d{1,18}\s*$' then value::bigint
        when value ~ '^\s*[+-]?\d{1,40}\s*$'
            and value::numeric between -9223372036854775808 and 9223372036854775807 then value::bigint
    end
$$;

-- Text to a date. Zero dates (0000-00-00) and days that no month has give NULL.
create function terrace.to_date(value text) returns date
language plpgsql immutable parallel safe
as $$
begin
    if value !~ '^\s*\d{4}-\d{2}-\d{2}' or value ~ '^\s*0000' then
        return null;
    end if;
    return make_date(
        substring(ltrim(value) from 1 for 4)::integer,
        substring(ltrim(value) from 6 for 2)::integer,
        substring(ltrim(value) from 9 for 2)::integer
    );
exception when datetime_field_overflow then
    return null;
end
$$;

-- Text in a to_timestamp() format, read as wall time of the zone, to an instant. NULL where it is none.
create function terrace.to_timestamptz(value text, format text, zone text) returns timestamptz
language plpgsql immutable parallel safe
as $$
begin
    if value is null or value ~ '^\s*(0000|0001-01-01|$)' then
        return null;
    end if;
    -- Read as UTC, whatever zone the session has: in its own zone an hour a year would not exist.
    return (to_timestamp(value || ' +00', format || ' TZH') at time zone 'UTC') at time zone zone;
exception when data_exception then
    return null;
end
$$;
