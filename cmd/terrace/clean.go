package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/ods"
)

// CleanCmd is terrace clean.
type CleanCmd struct {
	Selection
	Orphans       bool          `help:"What was made for nodes that are no longer in the project."`
	RunsOlderThan time.Duration `name:"runs-older-than" placeholder:"LENGTH" help:"Delete runs that began longer ago than this (90d), with their steps and results and the bookkeeping that nobody needs any more."`
	DryRun        bool          `help:"Only say what would be dropped."`
	Yes           bool          `help:"Do it; without this only what would be dropped is said."`
}

// cleaning is what a clean drops.
type cleaning struct {
	models    []dag.Built // readers first
	streams   []string
	relations []string // as DROP names them
	// environment is the one whose relations they are, "" for production.
	environment string
}

// Run implements the command, in one transaction.
func (c *CleanCmd) Run(ctx context.Context, a *App) error {
	p, err := a.load()
	if err != nil {
		return err
	}
	env := p.apart(a)
	if c.RunsOlderThan != 0 && !c.Orphans && len(c.include()) == 0 {
		return c.cleanRuns(ctx, a, p)
	}
	if c.RunsOlderThan != 0 || env == "" && c.Orphans == (len(c.include()) > 0) || env != "" && c.Orphans {
		return &inputError{
			message: "clean must be told one thing to drop: nodes, --orphans, an environment, or --runs-older-than",
			hint:    "For example: terrace clean fact_order+ drops what was made for it and for all that read it.",
		}
	}
	conn, err := a.openDatabase(ctx)
	if err != nil {
		return err
	}
	defer hangUp(conn)
	choose := c.choose
	if env != "" {
		choose = func(ctx context.Context, p *project, conn *pgx.Conn) (cleaning, error) {
			return c.chooseEnvironment(ctx, p, conn, env)
		}
	}
	drop, err := choose(ctx, p, conn)
	if err != nil {
		return err
	}
	doing := c.Yes && !c.DryRun
	if doing {
		if err := drop.perform(ctx, conn); err != nil {
			return undropped(err)
		}
	}
	if err := a.printCleaning(drop, doing); err != nil {
		return err
	}
	if doing || c.DryRun || len(drop.relations) == 0 {
		return nil
	}
	return &inputError{message: "nothing was dropped", hint: "Repeat with --yes to do it."}
}

// undroppedError is a node that a run holds, which clean does not wait for.
type undroppedError struct{ *dag.HeldError }

func (e *undroppedError) Unwrap() error { return e.HeldError }

func (e *undroppedError) hint() string {
	if e.Session == 0 {
		return "Nothing was dropped. Repeat it when that run has ended: terrace runs shows when it has."
	}
	return fmt.Sprintf("Nothing was dropped. Repeat it when that run has ended. If its process hangs or was stopped, end it there, or its session here: "+
		"select pg_terminate_backend(%d); what it has not committed is undone.", e.Session)
}

func undropped(err error) error {
	var held *dag.HeldError
	if errors.As(err, &held) {
		return &undroppedError{held}
	}
	return err
}

// perform drops all or nothing.
func (d cleaning) perform(ctx context.Context, conn *pgx.Conn) error {
	return dag.GivingWay(ctx, conn, d.relations, func(tx pgx.Tx) error {
		if err := dag.Drop(ctx, tx, d.models); err != nil {
			return err
		}
		for _, stream := range d.streams {
			if err := ods.Forget(ctx, tx, stream); err != nil {
				return held(ctx, tx, err)
			}
		}
		if d.environment != "" {
			return dag.DropEmptySchemas(ctx, tx, d.models)
		}
		return nil
	})
}

// choose finds what there is of the chosen nodes. What stays must not have been built from what goes: it would not learn
// that its rows are gone.
func (c *CleanCmd) choose(ctx context.Context, p *project, conn *pgx.Conn) (cleaning, error) {
	var drop cleaning
	chosen, err := c.chosen(p)
	if err != nil {
		return drop, err
	}
	built, err := dag.LoadBuilt(ctx, conn, "")
	if err != nil {
		return drop, err
	}
	streams, err := ods.Streams(ctx, conn)
	if err != nil {
		return drop, err
	}
	for _, b := range built {
		if chosen(b.Name) {
			drop.models = append(drop.models, b)
			continue
		}
		if i := slices.IndexFunc(b.DependsOn, chosen); i >= 0 && p.graph.Node(b.Name) != nil {
			hint := fmt.Sprintf("Drop all that reads it as well: terrace clean %s+", b.DependsOn[i])
			if c.Orphans {
				hint = fmt.Sprintf("Build it as it is now first: terrace run %s", b.Name)
			}
			return drop, &inputError{message: fmt.Sprintf("%s was built from %s and would stay", b.Name, b.DependsOn[i]), hint: hint}
		}
	}
	drop.streams = slices.DeleteFunc(streams, func(name string) bool { return !chosen(name) })
	drop.relations, err = relationsOf(ctx, conn, drop)
	return drop, err
}

// chosen says of a name whether it was chosen.
func (c *CleanCmd) chosen(p *project) (func(string) bool, error) {
	if c.Orphans {
		return func(name string) bool { return p.graph.Node(name) == nil }, nil
	}
	selectors := dag.SelectContext{Selectors: p.Config.Selectors, AllowEmpty: c.AllowEmpty, Assertions: dag.NoAssertions}
	selection, err := p.graph.Select(selectors, c.include(), c.Exclude)
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for _, name := range selection.Names() {
		names[name] = true
	}
	return func(name string) bool { return names[name] }, nil
}

func relationsOf(ctx context.Context, conn *pgx.Conn, drop cleaning) ([]string, error) {
	all := []string{}
	for _, b := range drop.models {
		relations, err := b.Relations(ctx, conn)
		if err != nil {
			return nil, err
		}
		all = append(all, relations...)
	}
	for _, stream := range drop.streams {
		tables, err := ods.Tables(stream)
		if err != nil {
			return nil, err
		}
		all = append(all, tables...)
	}
	return all, nil
}

func (a *App) printCleaning(drop cleaning, done bool) error {
	if a.JSON {
		return a.printJSON(map[string]any{"dropped": done, "relations": drop.relations})
	}
	if len(drop.relations) == 0 {
		a.printf("there is nothing to drop")
		return nil
	}
	word := "would drop"
	if done {
		word = "dropped"
	}
	for _, relation := range drop.relations {
		a.printf("%s %s", word, strings.ReplaceAll(relation, `"`, ""))
	}
	return nil
}
