drop table terrace.database_size;
alter table terrace.run drop column alerts_seen;
drop table terrace.alert;
drop table terrace.alert_problem;
