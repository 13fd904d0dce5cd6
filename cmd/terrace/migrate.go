package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/migrations"
)

// MigrateCmd is terrace migrate.
type MigrateCmd struct {
	Action string `arg:"" optional:"" enum:"up,down,version" default:"up" help:"up (default), down, or version."`
	Roles  bool   `help:"With up: make the roles terrace_loader, terrace_transformer and terrace_reader, and grant them what they need."`
	To     *int   `placeholder:"N" help:"With down: the version to go back to; 0 takes schema terrace away."`
	Yes    bool   `help:"With down: do it; without this only what would be lost is said."`
}

// Validate refuses flags that say nothing about the action.
func (c *MigrateCmd) Validate() error {
	switch {
	case c.Roles && c.Action != "up":
		return fmt.Errorf("--roles goes with migrate up")
	case c.To != nil && c.Action != "down":
		return fmt.Errorf("--to goes with migrate down")
	case c.To == nil && c.Action == "down":
		return fmt.Errorf("migrate down needs --to")
	}
	return nil
}

// Run implements the command.
func (c *MigrateCmd) Run(ctx context.Context, a *App) error {
	if c.Action == "down" && !c.Yes {
		return &inputError{
			message: fmt.Sprintf("going back to version %d drops ledger and state that were added since", *c.To),
			hint:    "Relations of the project stay. Repeat with --yes to do it.",
		}
	}
	conn, err := a.openDatabase(ctx)
	if err != nil {
		return err
	}
	defer hangUp(conn)
	version, err := c.act(ctx, a, conn)
	if err != nil {
		return schemaError(err)
	}
	if a.JSON {
		return a.printJSON(map[string]any{"version": version})
	}
	if c.Action == "version" {
		a.printf("%d", version)
		return nil
	}
	a.printf("schema terrace is at version %d", version)
	return nil
}

// act returns the version after the action. The connection has brought the schema up to date already.
func (c *MigrateCmd) act(ctx context.Context, a *App, conn *pgx.Conn) (int, error) {
	switch {
	case c.Action == "down":
		return *c.To, migrations.Down(ctx, conn, *c.To)
	case c.Roles:
		if err := migrations.Roles(ctx, conn); err != nil {
			return 0, err
		}
		if !a.JSON {
			a.printf("roles terrace_loader, terrace_transformer and terrace_reader are up to date")
		}
	}
	return migrations.Version(ctx, conn)
}
