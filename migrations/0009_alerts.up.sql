-- Alerts: what is wrong and who has been told of it. Whether something is told is decided in one transaction with what
-- becomes known by it; sending happens after that, as often as it takes, so that a channel that is down neither blocks
-- nor fails a run and nothing that was decided is lost.

-- What goes on, by rule: since when, when it was told last, and how often it has been found since.
create table terrace.alert_problem (
    -- Where it is: '' for production, else the environment that is built beside it.
    environment text not null,
    rule text not null,
    -- Problems of one topic take each other's place: what failed yesterday and has wrong data today has one problem.
    topic text not null check (topic in ('run', 'slow', 'late', 'absent', 'disk')),
    subject text not null,
    since timestamptz not null,
    told_at timestamptz,
    unsaid integer not null default 0,
    problem jsonb not null,
    primary key (environment, rule, topic, subject)
);

-- The outbox: one row for each message and channel.
create table terrace.alert (
    alert_id bigint generated always as identity primary key,
    environment text not null,
    rule text not null,
    topic text not null,
    channel text not null,
    event text not null,
    -- Rendered when it is sent; secrets have been taken out before it came here.
    message jsonb not null,
    status text not null default 'pending' check (status in ('pending', 'sending', 'sent', 'suppressed', 'failed')),
    -- Why it was not sent, or not yet.
    reason text not null default '',
    created_at timestamptz not null default clock_timestamp(),
    sent_at timestamptz,
    attempts integer not null default 0,
    -- Who waits comes back then; who is there anyway tries before that.
    next_attempt_at timestamptz not null default clock_timestamp(),
    -- The channel takes nothing before that.
    held_until timestamptz,
    -- Until then a process is sending it, and others leave it alone. One that was killed has told nobody what became of
    -- it: it is sent again.
    claimed_until timestamptz,
    check ((status = 'sending') = (claimed_until is not null))
);
-- A newer message of a rule takes the place of the one that waits: it says all that goes on.
create unique index alert_pending on terrace.alert (environment, rule, topic, channel) where status = 'pending';
create index alert_sending on terrace.alert (alert_id) where status = 'sending';
create index alert_sent on terrace.alert (channel, sent_at) where status = 'sent';

-- Runs of which alerts do not know yet. Those of before are no news.
alter table terrace.run add column alerts_seen boolean not null default true;
alter table terrace.run alter column alerts_seen set default false;

-- How large the database was, for rules on its growth.
create table terrace.database_size (
    measured_at timestamptz primary key default clock_timestamp(),
    bytes bigint not null
);
