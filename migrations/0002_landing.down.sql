drop table terrace.token;
drop table terrace.reject;
drop table terrace.stream;
drop table terrace.cursor;
drop table terrace.slice;
