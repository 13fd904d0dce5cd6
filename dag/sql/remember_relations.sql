-- Notes which relations stand under the names of the nodes in "wanted".
update terrace.node_state as s
set relation = c.oid, database = d.oid
from wanted
join pg_namespace as n
    on n.nspname = split_part(wanted.node, '.', 1)
join pg_class as c
    on c.relnamespace = n.oid
    and c.relname = split_part(wanted.node, '.', 2)
join pg_database as d
    on d.datname = current_database()
where s.node = wanted.node
    and s.relation is distinct from c.oid
