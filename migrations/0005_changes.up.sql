-- Change feeds: the rows that left and came with the batches of a relation, kept for the models that are driven by them.

-- One table for each such relation, named as it is: its columns, _old (the row left) and _xid (the transaction of the
-- batch). They are made and emptied by the steps that build the relations.
create schema terrace_changes;

-- What relations that others fill held when they were last observed: they have no batches of their own.
create table terrace.observed (
    relation text primary key,
    row_count bigint not null,
    -- The sum of a hash of each row.
    content text not null,
    changed_at timestamptz not null default clock_timestamp()
);

-- What is in no feed has to be read as a whole by whoever wants to know what changed. Streams have no feed: their
-- versions say it.
alter table terrace.batch add column whole boolean not null default true;
