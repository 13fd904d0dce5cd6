drop function terrace.to_timestamptz(text, text, text);
drop function terrace.to_date(text);
drop function terrace.to_bigint(text);
drop function terrace.to_numeric(text);
drop function terrace.run_at();
drop function terrace.run_id();
drop function terrace.window_end();
drop function terrace.window_start();
drop function terrace.var(text);
