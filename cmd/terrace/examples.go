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
