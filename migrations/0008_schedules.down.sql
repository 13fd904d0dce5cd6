drop table terrace.occurrence;
drop table terrace.schedule;
