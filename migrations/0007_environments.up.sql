-- Environments: what was built apart from production, under names of its own. '' is production.
alter table terrace.node_state add column environment text not null default '';
