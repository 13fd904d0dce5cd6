package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
	"github.com/terrace-elt/terrace/dag/model/strict"
	"github.com/terrace-elt/terrace/ods"
)

// CheckCmd is terrace check.
type CheckCmd struct {
	Offline bool `help:"Leave the database out: headers, names and dependencies only."`
	Sources bool `help:"Ask the sources as well, whether they can be read with the credentials of now: one request of each over HTTP; nothing is landed."`
	Fix     bool `help:"Write into the headers what depends_on lacks, and remove what is not read."`
	annotationFlags
}

// checked is what check prints as JSON.
type checked struct {
	Problems []strict.Problem `json:"problems"`
	// Compiled says that the database has understood the project, or would have but for the problems.
	Compiled bool `json:"compiled"`
	// Skipped are models that were not compiled because something they read has a mistake.
	Skipped []string `json:"skipped,omitempty"`
	Fixed   []fixed  `json:"fixed,omitempty"`
	// Sources are those that were asked.
	Sources []probed `json:"sources,omitempty"`
}

// Run implements the command: the files first, then the project as the database understands it. Nothing is executed.
func (c *CheckCmd) Run(ctx context.Context, a *App) error {
	if err := a.needProject(); err != nil {
		return err
	}
	if c.Sources && c.Offline {
		return &inputError{message: "--sources and --offline exclude each other", hint: "Leave out one of them."}
	}
	p := a.read()
	var out checked
	if c.Fix && p.Project != nil {
		var err error
		if out.Fixed, err = a.fix(p); err != nil {
			return err
		}
		if len(out.Fixed) > 0 {
			p = a.read()
		}
	}
	if err := c.check(ctx, a, p, &out); err != nil {
		a.printProblems(out.Problems)
		return err
	}
	a.annotate(c.annotationFlags, annotations(out.Problems))
	if c.Sources && !strict.HasErrors(out.Problems) {
		var err error
		if out.Sources, err = c.askSources(ctx, a, p); err != nil {
			return err
		}
	}
	if err := c.print(a, p, out); err != nil {
		return err
	}
	return unreadable(out.Sources)
}

// check fills in what there is to say. With an error the problems of the files are known.
func (c *CheckCmd) check(ctx context.Context, a *App, p *project, out *checked) error {
	out.Problems = append([]strict.Problem{}, p.problems...)
	if p.Project == nil || p.graph == nil {
		return nil
	}
	_, wrong := model.LoadUnitTests(p.files, p.Project)
	out.Problems = append(out.Problems, wrong...)
	conn, err := c.connect(ctx, a, p)
	if err != nil || conn == nil {
		out.Problems = strict.Sort(append(out.Problems, p.CheckSQL(nil)...))
		return err
	}
	defer hangUp(conn)
	state, err := dag.LoadState(ctx, conn)
	if err != nil {
		return err
	}
	if err := p.withReads(state); err != nil {
		return err
	}
	written := make(chan []strict.Problem, 1)
	go func() { written <- p.checkChanged(state) }()
	compiled, err := dag.Compile(ctx, conn, p.graph, p.compileOptions(state))
	said := append(out.Problems, <-written...)
	if err != nil {
		out.Problems = strict.Sort(said)
		return err
	}
	out.Problems = strict.Sort(append(said, elsewhere(compiled.Problems, said)...))
	out.Compiled, out.Skipped = true, compiled.Skipped
	return nil
}

// connect gives no connection where the database is to be left out: when that is asked for, when terrace.yml cannot be
// read, and when no database is named and the embedded one does not start.
func (c *CheckCmd) connect(ctx context.Context, a *App, p *project) (*pgx.Conn, error) {
	unreadable := func(problem strict.Problem) bool {
		return problem.Severity == strict.Error && problem.File == "terrace.yml"
	}
	if c.Offline || slices.ContainsFunc(p.problems, unreadable) {
		return nil, nil
	}
	named := a.settings.databaseURL != "" || p.database(a) != ""
	conn, err := a.openDatabase(ctx)
	if err != nil && !named && ctx.Err() == nil {
		fmt.Fprintf(a.Stderr, "%s no database, so that only the files are checked: %s\n", a.paint(yellow, "warning:"), a.redact(message(err)))
		return nil, nil
	}
	return conn, err
}

// checkChanged compares header and SQL of what was not built as it is written now: the rest was checked then.
func (p *project) checkChanged(state dag.State) []strict.Problem {
	changed := func(name string) bool {
		n := p.graph.Node(name)
		return n == nil || state[name].SourceHash != p.sourceHash(n)
	}
	judged := map[string]bool{}
	for _, a := range p.Assertions {
		if changed(a.Name) {
			for _, on := range a.On {
				judged[on.Node] = true
			}
		}
	}
	fresh := []*model.Model{}
	for _, m := range p.Models {
		if judged[m.Name] || changed(m.Name) {
			fresh = append(fresh, m)
		}
	}
	return p.CheckSQL(fresh)
}

func (p *project) compileOptions(state dag.State) dag.CompileOptions {
	broken := map[string]bool{}
	for _, problem := range p.problems {
		broken[problem.File] = broken[problem.File] || problem.Severity == strict.Error
	}
	return dag.CompileOptions{
		Vars: p.vars, Timezone: p.Config.Timezone, State: state, Sources: p.sourceHash,
		Shapes: p.shapes(), Budget: p.Config.Budget, Broken: func(file string) bool { return broken[file] },
	}
}

// shapes are the relations that streams will have.
func (p *project) shapes() map[string]dag.Shape {
	out := map[string]dag.Shape{}
	for _, stream := range p.streams {
		if stream.External() {
			continue
		}
		shapes, err := ods.Shapes(stream.Landing)
		if err != nil {
			continue // reading the source has told
		}
		for _, s := range shapes {
			shape := dag.Shape{Key: s.Key}
			for _, column := range s.Columns {
				shape.Columns = append(shape.Columns, materialize.Column(column))
			}
			out[s.Name] = shape
		}
	}
	return out
}

func (c *CheckCmd) print(a *App, p *project, out checked) error {
	failed := strict.HasErrors(out.Problems)
	if a.JSON {
		if err := a.printJSON(out); err != nil {
			return err
		}
		if failed {
			return &problemsError{problems: out.Problems, printed: true}
		}
		return nil
	}
	for _, f := range out.Fixed {
		a.printf("%s", strings.TrimSuffix(f.Diff, "\n"))
	}
	if len(out.Skipped) > 0 {
		defer fmt.Fprintf(a.Stderr, "not compiled, because of what they read: %s\n", strings.Join(out.Skipped, ", "))
	}
	if failed {
		return &problemsError{problems: out.Problems}
	}
	a.printProblems(out.Problems)
	without := ""
	if !out.Compiled {
		without = "; not compared with a database"
	}
	a.printf("%s, no mistakes%s", counted(p.graph.Len(), "node"), without)
	a.printProbed(out.Sources)
	return nil
}
