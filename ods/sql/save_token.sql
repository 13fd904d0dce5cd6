-- Keep a source's token in the place of the one before.
insert into terrace.token (source, access, refresh, expires_at, updated_at)
values ($1, $2, $3, $4, $5)
on conflict (source) do update
set
    access = excluded.access,
    refresh = excluded.refresh,
    expires_at = excluded.expires_at,
    updated_at = excluded.updated_at
