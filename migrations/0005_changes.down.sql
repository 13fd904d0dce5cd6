alter table terrace.batch drop column whole;
drop schema terrace_changes cascade;
