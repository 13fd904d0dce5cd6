-- Casts in parallel plans, and one more way to write that there is no date: a zero date that went through a formatter
-- comes as -0001-11-30, and would be a day before Christ.
create or replace function terrace.to_timestamptz(value text, format text, zone text) returns timestamptz
language plpgsql immutable parallel safe
as $$
begin
    if value is null or value ~ '^\s*(0000|0001-01-01|-|$)' then
        return null;
    end if;
    -- Read as UTC, whatever zone the session has: in its own zone an hour a year would not exist.
    return (to_timestamp(value || ' +00', format || ' TZH') at time zone 'UTC') at time zone zone;
exception when data_exception then
    return null;
end
$$;

-- Before PostgreSQL 17 an exception block, which is a subtransaction, fails within a parallel plan: there the casts that
-- have one keep plans from being parallel.
do $$
begin
    if current_setting('server_version_num')::integer < 170000 then
        alter function terrace.to_date(text) parallel unsafe;
        alter function terrace.to_timestamptz(text, text, text) parallel unsafe;
    end if;
end
$$;
