package main

import "strings"

// examples are shown below the help of commands that are typed with more than a name.
func examples(lines ...string) string { return "Examples:\n\n    " + strings.Join(lines, "\n    ") }

// Help implements kong.HelpProvider.
func (RunCmd) Help() string {
	return examples(
		"terrace run                          what changed, and what reads it",
		"terrace run dim_member+              a model and all that reads it",
		"terrace run tag:daily --from 7d      the last week of windowed models",
		"terrace run fact_order --full-refresh",
	)
}

// Help implements kong.HelpProvider.
func (UpdateCmd) Help() string {
	return examples(
		"terrace update                       sources, then models and assertions",
		"terrace update source:shop           a source and all that reads it",
	)
}

// Help implements kong.HelpProvider.
func (ExtractCmd) Help() string {
	return examples(
		"terrace extract source:shop",
		"terrace extract shop_ods.orders --from 2026-01-01 --to 2026-02-01",
	)
}

// Help implements kong.HelpProvider.
func (TestCmd) Help() string {
	return examples(
		"terrace test                         every assertion and unit test",
		"terrace test dim_member              those of a model",
		"terrace test test:shop.totals        one of them, by its name",
		"terrace test --unit path:tests/shop  unit tests of a folder",
		"terrace test dim_member --junit report.xml",
	)
}

// Help implements kong.HelpProvider.
func (PlanCmd) Help() string {
	return examples(
		"terrace plan                         what run would do, and why",
		"terrace plan dim_member --diff       and which rows would be others",
	)
}

// Help implements kong.HelpProvider.
func (CheckCmd) Help() string {
	return examples(
		"terrace check                        files and database",
		"terrace check --fix                  depends_on as the SQL reads",
		"terrace check --offline              without a database",
	)
}

// Help implements kong.HelpProvider.
func (LsCmd) Help() string {
	return examples(
		"terrace ls +dim_member               all that a model is made from",
		"terrace ls state:modified+           what changed, and what reads it",
	)
}

// Help implements kong.HelpProvider.
func (InitCmd) Help() string {
	return examples(
		"terrace init shop                    then: cd shop, terrace update",
	)
}

// Help implements kong.HelpProvider.
func (DemoCmd) Help() string {
	return examples(
		"terrace demo                         all reference systems, and a day after",
		"terrace demo feiqiu --later 7        one of them, and a week after",
	)
}

// Help implements kong.HelpProvider.
func (ShowCmd) Help() string {
	return examples(
		"terrace show fact_order              the statements of the next run",
	)
}

// Help implements kong.HelpProvider.
func (PreviewCmd) Help() string {
	return examples(
		"terrace preview fact_order --limit 3",
	)
}

// Help implements kong.HelpProvider.
func (LineageCmd) Help() string {
	return examples(
		"terrace lineage daily_sales          what it is made from",
		"terrace lineage daily_sales.amount   one of its columns",
		"terrace lineage orders --downstream  what is made from it",
	)
}

// Help implements kong.HelpProvider.
func (DocsCmd) Help() string {
	return examples(
		"terrace docs fact_order              columns, lineage, assertions",
		"terrace docs --out pages.html        all pages, as one file",
	)
}

// Help implements kong.HelpProvider.
func (RetryCmd) Help() string {
	return examples(
		"terrace retry                        what the newest run left",
		"terrace retry 01a2 --dry-run         what would run again of that one",
	)
}

// Help implements kong.HelpProvider.
func (ServeCmd) Help() string {
	return examples(
		"terrace serve                        pages on http://127.0.0.1:8765",
		"terrace serve --listen 127.0.0.1:8080 --no-schedules",
	)
}

// Help implements kong.HelpProvider.
func (RunsCmd) Help() string {
	return examples(
		"terrace runs --limit 5",
		"terrace runs 01a2                    the steps of that run",
	)
}

// Help implements kong.HelpProvider.
func (GapsCmd) Help() string {
	return examples(
		"terrace gaps source:shop --from 30d",
		"terrace gaps shop_ods.orders --from 2026-01-01 --repair",
	)
}

// Help implements kong.HelpProvider.
func (ProfileCmd) Help() string {
	return examples(
		"terrace profile shop_ods.orders",
	)
}

// Help implements kong.HelpProvider.
func (QualityCmd) Help() string {
	return examples(
		"terrace quality tag:daily",
	)
}

// Help implements kong.HelpProvider.
func (RejectsCmd) Help() string {
	return examples(
		"terrace rejects --stream shop_ods.orders",
		"terrace rejects replay               landed as the project is declared now",
	)
}

// Help implements kong.HelpProvider.
func (RejectsReplayCmd) Help() string {
	return "Exit code 0: all were landed. 4: some are refused again, and stay.\n\n" + examples(
		"terrace rejects replay --stream shop_ods.orders",
	)
}

// Help implements kong.HelpProvider.
func (AlertsCmd) Help() string {
	return examples(
		"terrace alerts                       what was sent, and what waits",
		"terrace alerts test oncall           a message to one channel",
		"terrace alerts check                 for cron: look, and send what waits",
	)
}

// Help implements kong.HelpProvider.
func (AlertsTestCmd) Help() string {
	return examples(
		"terrace alerts test oncall           one channel of terrace.yml",
	)
}

// Help implements kong.HelpProvider.
func (CleanCmd) Help() string {
	return examples(
		"terrace clean --orphans              what has left the project; only told",
		"terrace clean fact_order --yes       dropped, and forgotten",
		"terrace clean --runs-older-than 90d  old runs and their bookkeeping; only told",
	)
}

// Help implements kong.HelpProvider.
func (MigrateCmd) Help() string {
	return examples(
		"terrace migrate --roles              loader, transformer, reader",
		"terrace migrate down --to 9          what would be lost; --yes does it",
	)
}

// Help implements kong.HelpProvider.
func (DBPsqlCmd) Help() string {
	return examples(
		"terrace db psql                      a prompt",
		"terrace db psql -c 'select 1'",
	)
}

// Help implements kong.HelpProvider.
func (ScheduleAddCmd) Help() string {
	return examples(
		"terrace schedule add nightly --cron '30 2 * * *' -- update",
		"terrace schedule add sums --every 15m -- run tag:report",
	)
}

// Help implements kong.HelpProvider.
func (ScheduleCmd) Help() string {
	return examples(
		"terrace schedule add nightly --cron '30 2 * * *' -- update",
		"terrace schedule                     what is due, and how it went",
		"terrace schedule run nightly         now, in the foreground",
		"terrace schedule pause nightly",
	)
}
