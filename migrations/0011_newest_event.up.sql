-- A dimension's timelines are continued where what is new is later than all that they have.

alter table terrace.node_state
    -- The time of the newest event in them, as text of the type of valid_from; null when it is not known.
    add column newest_event text;
