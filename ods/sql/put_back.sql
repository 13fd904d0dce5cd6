-- A watermark that lies after now goes back. Windows that reach beyond it do not count as read any more, or the watermark
-- would move over them again.
with put_back as (
    update terrace.cursor
    set
        watermark = $2,
        updated_at = clock_timestamp()
    where stream = $1
        and watermark > $3
    returning variant
)
update terrace.slice as s
set meta = s.meta || '{"put_back": true}'
from put_back
where s.stream = $1
    and s.variant = put_back.variant
    and s.kind = 'window'
    and s.state = 'done'
    and s.range_end > $2
