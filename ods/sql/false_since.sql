-- Where windows begin that were read by a clock which was ahead: what ends, or was begun, after now, or was read before its
-- own end. Null where none is known.
select min(s.range_start)
from terrace.slice as s
where s.stream = $1
    and s.variant = any ($2)
    and s.kind = 'window'
    and s.state = 'done'
    and not s.meta ? 'put_back'
    and (s.range_end > $3 or s.started_at > $3 or s.range_end > s.ended_at + interval '1 minute')
