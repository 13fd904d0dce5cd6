alter table terrace.batch drop column whole;
drop table terrace.observed;
drop schema terrace_changes cascade;
