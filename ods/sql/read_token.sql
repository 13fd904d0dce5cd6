-- The token by which a source knows us.
select
    t.access,
    t.refresh,
    t.expires_at,
    t.updated_at
from terrace.token as t
where t.source = $1
