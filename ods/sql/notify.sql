-- Tell who listens that something landed in a stream. Commits that notify queue up, one for the whole server at a time; this
-- one does not wait for the disk while the others wait for it.
select
    set_config('synchronous_commit', 'off', true),
    pg_notify('terrace', $1)
