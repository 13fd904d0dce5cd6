drop function terrace.reserve_request(text, integer[], interval[]);
drop table terrace.hold;
drop table terrace.rate;
