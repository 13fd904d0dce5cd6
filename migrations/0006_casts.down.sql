create or replace function terrace.to_timestamptz(value text, format text, zone text) returns timestamptz
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

alter function terrace.to_date(text) parallel safe;
