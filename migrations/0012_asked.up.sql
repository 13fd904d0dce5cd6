-- What people ask for on pages waits among the occurrences: a command of nobody's schedule, or a schedule's out of its time.

alter table terrace.occurrence
    -- Who asked for it, as far as is known: 'page, 127.0.0.1'. '' for a time that came.
    add column asked_by text not null default '',
    -- The form it was asked for with: one that is sent twice asks once.
    add column asked_key text unique;
