drop schema terrace_stage;
drop table terrace.assertion_result;
drop table terrace.variable;
drop table terrace.node_state;
drop table terrace.batch;
drop table terrace.step;
drop table terrace.run;
