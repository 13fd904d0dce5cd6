alter table terrace.node_state drop column environment;
