alter table terrace.node_state drop column newest_event;
