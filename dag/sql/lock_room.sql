-- How many locks the server has room for beside those that are held now, max_locks_per_transaction, and by how many
-- transactions that is multiplied.
with setting as (
    select
        current_setting('max_locks_per_transaction')::integer as locks,
        sum(s.setting::integer)::integer + 1 as sessions
    from pg_settings as s
    where s.name in ('max_connections', 'autovacuum_max_workers', 'max_worker_processes', 'max_wal_senders', 'max_prepared_transactions')
)
select
    locks * sessions - (select count(*) from pg_locks as l where not l.fastpath)::integer,
    locks,
    sessions
from setting
