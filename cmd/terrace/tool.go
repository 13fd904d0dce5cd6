package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"
	kongcompletion "github.com/jotaen/kong-completion"
	"github.com/posener/complete"

	"github.com/terrace-elt/terrace/cmd/pgserver"
	"github.com/terrace-elt/terrace/migrations"
)

// versionFlag is set by the linker for releases.
var versionFlag string //nolint:gochecknoglobals // the linker can set nothing else

// version is the linker's, else the module's or the commit's.
func version() string {
	if versionFlag != "" {
		return versionFlag
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return s.Value[:12]
		}
	}
	return info.Main.Version
}

// VersionCmd is terrace version.
type VersionCmd struct{}

// Run implements the command.
func (c *VersionCmd) Run(a *App) error {
	if a.JSON {
		return a.printJSON(map[string]any{"version": version(), "schema": migrations.Latest()})
	}
	a.printf("terrace %s (schema %d)", version(), migrations.Latest())
	return nil
}

// CompletionCmd is terrace completion.
type CompletionCmd struct {
	kongcompletion.Completion
}

// completed answers the shell when it asks for completions, and reports whether it did. Names of nodes come from the
// project's files; the database is not asked.
func completed(parser *kong.Kong, a *App) bool {
	if _, asked := a.LookupEnv("COMP_LINE"); !asked {
		return false
	}
	nodes := complete.PredictFunc(func(complete.Args) []string {
		if a.open("completion") != nil || a.needProject() != nil {
			return nil
		}
		p := a.read()
		if p.graph == nil {
			return nil
		}
		var names []string
		for _, n := range p.graph.Nodes() {
			names = append(names, n.Name)
		}
		return names
	})
	answered := false
	kongcompletion.Register(parser, kongcompletion.WithPredictor("node", nodes),
		kongcompletion.WithExitFunc(func(int) { answered = true }))
	return answered
}

// DBCmd is terrace db.
type DBCmd struct {
	Start  DBStartCmd  `cmd:"" help:"Start the embedded server, or say that it runs."`
	Stop   DBStopCmd   `cmd:"" help:"Stop the embedded server."`
	Status DBStatusCmd `cmd:"" help:"Say whether the embedded server runs, and where."`
	Psql   DBPsqlCmd   `cmd:"" help:"Open psql on the project's database."`
	URL    DBURLCmd    `cmd:"" name:"url" help:"Print the URL of the project's database."`

	Install DBInstallCmd `cmd:"" help:"Fetch a pinned, checked build of PostgreSQL into .terrace, where none is installed."`
}

// DBInstallCmd is terrace db install.
type DBInstallCmd struct{}

// Run implements the command.
func (c *DBInstallCmd) Run(ctx context.Context, a *App) error {
	if err := a.needProject(); err != nil {
		return err
	}
	install, err := pgserver.Fetch(ctx, pgserver.FetchOptions{StateDir: filepath.Dir(a.dataDir()), LookupEnv: a.LookupEnv, Logger: a.Log})
	if err != nil {
		return fmt.Errorf("install PostgreSQL: %w", err)
	}
	if a.JSON {
		return a.printJSON(map[string]any{"version": fmt.Sprintf("%d.%d", install.Major, install.Minor), "bin": install.Bin})
	}
	a.printf("PostgreSQL %s", install)
	return nil
}

// DBStartCmd is terrace db start.
type DBStartCmd struct{}

// Run implements the command.
func (c *DBStartCmd) Run(ctx context.Context, a *App) error {
	if err := a.needProject(); err != nil {
		return err
	}
	server, err := pgserver.Start(ctx, a.serverOptions())
	if err != nil {
		return fmt.Errorf("start the embedded PostgreSQL: %w", err)
	}
	return a.printServer(server)
}

func (a *App) printServer(s *pgserver.Server) error {
	if a.JSON {
		return a.printJSON(map[string]any{"running": true, "url": s.URL(), "data": s.DataDir, "log": s.Log, "pid": s.PID})
	}
	a.printf("running (process %d)\nurl:  %s\ndata: %s\nlog:  %s", s.PID, s.URL(), s.DataDir, s.Log)
	return nil
}

// DBStopCmd is terrace db stop.
type DBStopCmd struct{}

// Run implements the command.
func (c *DBStopCmd) Run(ctx context.Context, a *App) error {
	if err := a.needProject(); err != nil {
		return err
	}
	if err := pgserver.Stop(ctx, a.dataDir()); err != nil {
		return fmt.Errorf("stop the embedded PostgreSQL: %w", err)
	}
	if a.JSON {
		return a.printJSON(map[string]any{"running": false})
	}
	a.printf("stopped")
	return nil
}

// DBStatusCmd is terrace db status.
type DBStatusCmd struct{}

// Run implements the command. A server that does not run is a status, not an error.
func (c *DBStatusCmd) Run(a *App) error {
	if err := a.needProject(); err != nil {
		return err
	}
	server, err := pgserver.Running(a.dataDir())
	if err != nil {
		return err
	}
	if server != nil {
		return a.printServer(server)
	}
	if a.JSON {
		return a.printJSON(map[string]any{"running": false})
	}
	a.printf("not running")
	return nil
}

// DBURLCmd is terrace db url.
type DBURLCmd struct{}

// Run implements the command. This is the one place that prints a password: it was asked for, and scripts need it.
func (c *DBURLCmd) Run(ctx context.Context, a *App) error {
	url, err := a.projectURL(ctx)
	if err != nil {
		return err
	}
	if !a.JSON {
		_, err = fmt.Fprintln(a.Stdout, url)
		return err
	}
	encoded, err := json.Marshal(map[string]string{"url": url})
	if err != nil {
		return fmt.Errorf("encode the URL: %w", err)
	}
	_, err = fmt.Fprintln(a.Stdout, string(encoded))
	return err
}

// projectURL is the URL of the database that the project's commands work on.
func (a *App) projectURL(ctx context.Context) (string, error) {
	configured := ""
	if a.settings.databaseURL == "" {
		if err := a.needProject(); err != nil {
			return "", err
		}
		if p := a.read(); p.Project != nil {
			configured = p.database(a)
		}
	}
	return a.databaseURL(ctx, configured)
}

// DBPsqlCmd is terrace db psql.
type DBPsqlCmd struct {
	Arguments []string `arg:"" optional:"" passthrough:"" help:"Arguments for psql, such as -c 'select 1'; flags of terrace stand before them, -C and --database-url among them."`
}

// Run implements the command: psql takes this process's place, so that its keys and its exit code are its own.
func (c *DBPsqlCmd) Run(ctx context.Context, a *App) error {
	url, err := a.projectURL(ctx)
	if err != nil {
		return err
	}
	psql, err := exec.LookPath("psql")
	if err != nil {
		return &surroundingsError{err: fmt.Errorf("find psql: %w", err), hint: "Install the PostgreSQL client, or open terrace db url with another one."}
	}
	if len(c.Arguments) > 0 && c.Arguments[0] == "--" {
		c.Arguments = c.Arguments[1:]
	}
	return syscall.Exec(psql, append([]string{"psql", url}, c.Arguments...), os.Environ())
}
