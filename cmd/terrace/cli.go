package main

import (
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

// CLI is the command line.
type CLI struct {
	Globals

	Init    InitCmd    `cmd:"" group:"project" help:"Make a small working project in a new folder."`
	Demo    DemoCmd    `cmd:"" group:"project" help:"Run the reference project against stand-in upstreams, let a day pass, run again."`
	Ls      LsCmd      `cmd:"" group:"project" help:"List nodes, one name per line."`
	Show    ShowCmd    `cmd:"" group:"project" help:"Show the SQL that would be executed for a node."`
	Preview PreviewCmd `cmd:"" group:"project" help:"Run a model's query and show its first rows; nothing is written."`
	Check   CheckCmd   `cmd:"" group:"project" help:"Check the whole project: headers, dependencies, SQL."`
	Lineage LineageCmd `cmd:"" group:"project" help:"Show what a node or a column is made from, or what is made from it."`
	Docs    DocsCmd    `cmd:"" group:"project" help:"Describe nodes: columns, types, lineage, assertions; as Markdown, or data with --json."`

	Update  UpdateCmd  `cmd:"" group:"run" help:"Extract, then run models and assertions on what arrived."`
	Extract ExtractCmd `cmd:"" group:"run" help:"Read sources and land their records."`
	Run     RunCmd     `cmd:"" group:"run" help:"Build models, seeds and assertions whose inputs or definition changed."`
	Test    TestCmd    `cmd:"" group:"run" help:"Run unit tests of models, and judge assertions on what is published."`
	Plan    PlanCmd    `cmd:"" group:"run" help:"Say what run would do, and why; nothing is executed."`
	Serve   ServeCmd   `cmd:"" group:"run" help:"Stay: run what depends on a stream as soon as something lands in it, and schedules when they are due."`
	Retry   RetryCmd   `cmd:"" group:"run" help:"Run again what failed or was skipped in a run."`

	Schedule ScheduleCmd `cmd:"" group:"run" help:"Add, list, pause and remove schedules, and run what is due."`

	Status  StatusCmd  `cmd:"" group:"look" help:"Show up to when each stream is landed, and where it resumes."`
	Runs    RunsCmd    `cmd:"" group:"look" help:"List the newest runs, or the steps of one."`
	Gaps    GapsCmd    `cmd:"" group:"look" help:"Compare what sources report with what is landed, window by window."`
	Profile ProfileCmd `cmd:"" group:"look" help:"Show which values the records of a stream have, since when, and how late records come."`
	Rejects RejectsCmd `cmd:"" group:"look" help:"List records that could not be landed."`
	Quality QualityCmd `cmd:"" group:"look" help:"Show what assertions found last, and what was rejected."`
	Alerts  AlertsCmd  `cmd:"" group:"look" help:"List alerts that were sent or wait; try a channel; look now whether there is something to tell."`
	Doctor  DoctorCmd  `cmd:"" group:"look" help:"Check the surroundings: database, binaries, settings, credentials."`

	Clean      CleanCmd      `cmd:"" group:"database" help:"Drop what was made for nodes, and forget it."`
	DB         DBCmd         `cmd:"" name:"db" group:"database" help:"Start, stop and open the embedded PostgreSQL."`
	Migrate    MigrateCmd    `cmd:"" group:"database" help:"Bring schema terrace up to date, or back; make roles."`
	Version    VersionCmd    `cmd:"" group:"database" help:"Print the version."`
	Completion CompletionCmd `cmd:"" group:"database" help:"Print how to switch on completion in your shell."`
}

// Globals are the flags of every command.
type Globals struct {
	Project     string            `group:"common" short:"C" placeholder:"DIR" help:"Folder of the project (default: the nearest one upwards with a terrace.yml)."`
	DatabaseURL string            `group:"common" name:"database-url" placeholder:"URL" help:"Database to work on (default: TERRACE_DATABASE_URL, DATABASE_URL, PG_DSN, PG*, terrace.yml, else the embedded server)."`
	Env         string            `group:"common" name:"env" placeholder:"NAME" help:"Environment of terrace.yml."`
	Threads     *int              `group:"common" placeholder:"N" help:"Steps that run at once (default: terrace.yml, else 4)."`
	Var         map[string]string `group:"common" placeholder:"K=V" mapsep:"none" help:"Value of a variable that models read with terrace.var()."`
	JSON        bool              `group:"common" name:"json" help:"Print the result as one JSON document."`
	Verbose     bool              `group:"common" short:"v" help:"Tell more on standard error."`
	Quiet       bool              `group:"common" short:"q" help:"Only errors on standard error."`
	LogFile     string            `group:"common" name:"log-file" placeholder:"PATH" help:"Append the log to this file as well; in a folder, to a file for each command."`
	LogLevel    string            `group:"common" name:"log-level" placeholder:"LEVEL" help:"debug, info, warn (default) or error."`
	LogFormat   string            `group:"common" name:"log-format" placeholder:"FORMAT" help:"text (default) or json."`
	NoColor     bool              `group:"common" name:"no-color" help:"No colours, also on a terminal."`
}

// Selection are the flags of commands that act on nodes.
type Selection struct {
	Nodes      []string `arg:"" optional:"" name:"selector" predictor:"node" help:"Nodes, or selectors: x, +x, x+, @x, tag:, path:, kind:, source:, test:, state:, result:."`
	Select     []string `short:"s" sep:"none" placeholder:"SELECTOR" predictor:"node" help:"The same as a flag; may be repeated."`
	Exclude    []string `sep:"none" placeholder:"SELECTOR" predictor:"node" help:"Nodes to leave out; may be repeated."`
	AllowEmpty bool     `name:"allow-empty" help:"Do nothing, instead of failing, when a selector matches nothing."`
}

func (s Selection) include() []string { return append(append([]string{}, s.Nodes...), s.Select...) }

// Window are the flags that limit a command to a stretch of time.
type Window struct {
	From string `placeholder:"TIME" help:"Start of the window, inclusive: 2026-01-31, or with a time of day; 15d is fifteen days before today."`
	To   string `placeholder:"TIME" help:"End of the window, exclusive."`
}

func kongOptions(app *App) []kong.Option {
	return []kong.Option{
		kong.Name("terrace"),
		kong.Description("SQL-first ELT for PostgreSQL: land raw records, model them in SQL, trust the tables."),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 110}),
		kong.Help(helpWithDefault),
		kong.ExplicitGroups([]kong.Group{
			{Key: "project", Title: "Project:"},
			{Key: "run", Title: "Run:"},
			{Key: "look", Title: "Look:"},
			{Key: "database", Title: "Database and tool:"},
			{Key: "common", Title: "Flags of every command:"},
		}),
		kong.Writers(app.Stdout, app.Stderr),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(lengthOfTime)),
		kong.Exit(func(int) { app.exited = true }),
		kong.Vars{"demo_domains": strings.Join(demoDomainNames(), ", "), "gap_sample": strconv.Itoa(defaultGapSample)},
	}
}

// lengthOfTime reads a flag as every file is read, PT5M as well as 5m and 1d; 0 is none.
func lengthOfTime(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("length of time", &text); err != nil {
		return err
	}
	if text == "0" {
		target.SetInt(0)
		return nil
	}
	d, err := strict.ParseFixed(text)
	target.SetInt(int64(d))
	return err
}

// helpWithDefault shows the flags of the subcommand that runs where none is named together with those of its command: that is
// where they are looked for.
func helpWithDefault(options kong.HelpOptions, ctx *kong.Context) error {
	if node := ctx.Selected(); node != nil && node.DefaultCmd != nil {
		for _, flag := range node.DefaultCmd.Flags {
			value := *flag.Value
			value.Help = "Of " + node.DefaultCmd.Name + ": " + value.Help
			shown := *flag
			shown.Value = &value
			node.Flags = append(node.Flags, &shown)
		}
	}
	return kong.DefaultHelpPrinter(options, ctx)
}

func firstWord(text string) string {
	word, _, _ := strings.Cut(text, " ")
	return word
}
