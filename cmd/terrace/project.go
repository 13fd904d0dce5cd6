package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
	"github.com/terrace-elt/terrace/dag/model/strict"
	"github.com/terrace-elt/terrace/dag/openlineage"
	"github.com/terrace-elt/terrace/extract"
	"github.com/terrace-elt/terrace/ods"
)

// project is a loaded project: what its files say, and the graph of it.
type project struct {
	*model.Project
	files    fs.FS
	graph    *dag.Graph
	sources  []*extract.Source
	streams  map[string]*extract.Stream
	problems []strict.Problem
	vars     map[string]string
	varsHash string
	alerts   alerting
	// openLineage says where events of runs go.
	openLineage openlineage.Config
}

// load reads the project and fails with all of its mistakes at once. Warnings are kept for those who show them.
func (a *App) load() (*project, error) {
	if err := a.needProject(); err != nil {
		return nil, err
	}
	p := a.read()
	if strict.HasErrors(p.problems) {
		return nil, &problemsError{problems: p.problems}
	}
	return p, nil
}

// read reads the project, mistakes and all.
func (a *App) read() *project {
	files := os.DirFS(a.Dir)
	sources, problems := extract.Load(files, a.LookupEnv)
	p := &project{files: files, sources: sources, streams: map[string]*extract.Stream{}}
	var streams []model.Stream
	for _, source := range sources {
		a.hide(source)
		for _, s := range source.Streams {
			p.streams[s.Name] = s
			streams = append(streams, model.Stream{
				Name: s.Name, Source: source.Name, File: source.File, Line: s.Line, Tags: s.Tags,
				Parent: s.Parent(), External: s.External(),
			})
		}
	}
	for i := range streams {
		streams[i].Reads = p.readFirst(streams[i].Name)
	}
	loaded, more := model.Load(files, model.Options{LookupEnv: a.LookupEnv, Streams: streams, Environment: a.settings.environment})
	p.Project = loaded
	problems = append(problems, more...)
	if loaded != nil {
		graph, wrong := dag.NewGraph(loaded)
		p.graph = graph
		problems = append(problems, elsewhere(wrong, problems)...)
		p.setVars(a)
		problems = append(problems, p.readAlerts(a)...)
		problems = append(problems, p.readOpenLineage(a)...)
	}
	p.problems = strict.Sort(problems)
	return p
}

// readFirst are the streams that the queries of a stream's each read, sorted. What is wrong with a query is told when it is
// asked: it may be one that only the server understands.
func (p *project) readFirst(name string) []string {
	var first []string
	for _, sql := range p.streams[name].EachQueries() {
		reads, err := model.Reads(sql)
		if err != nil {
			continue
		}
		for _, r := range reads {
			stream := strings.TrimSuffix(r.Name, model.VersionsSuffix)
			if p.streams[stream] != nil && stream != name {
				first = append(first, stream)
			}
		}
	}
	slices.Sort(first)
	return slices.Compact(first)
}

// elsewhere leaves out what is at a place of which something is said already: a name that the reader of the files does
// not know is not known to the graph either.
func elsewhere(problems, said []strict.Problem) []strict.Problem {
	return slices.DeleteFunc(problems, func(p strict.Problem) bool {
		return slices.ContainsFunc(said, func(s strict.Problem) bool {
			return s.File == p.File && s.Line == p.Line && s.Col == p.Col
		})
	})
}

// hide keeps what a source takes from the environment when it is read, its credentials, out of all that is shown.
func (a *App) hide(source *extract.Source) {
	for _, name := range source.Variables() {
		if value, ok := a.LookupEnv(name); ok {
			a.secrets.addValue(value)
		}
	}
}

// unset are the variables that the source will ask the environment for in vain.
func (a *App) unset(source *extract.Source) []string {
	return slices.DeleteFunc(source.Variables(), func(name string) bool {
		value, _ := a.LookupEnv(name)
		return value != ""
	})
}

// setVars merges the values of terrace.var(): terrace.yml's, the environment's of terrace.yml, then --var.
func (p *project) setVars(a *App) {
	p.vars = maps.Clone(p.Config.Vars)
	if p.vars == nil {
		p.vars = map[string]string{}
	}
	maps.Copy(p.vars, p.Config.Environments[a.settings.environment].Vars)
	for _, name := range slices.Sorted(maps.Keys(a.settings.vars)) {
		if _, declared := p.vars[name]; !declared && !p.mentions(name) {
			a.Log.Warn("no model or assertion reads the variable of --var", "name", name, "declared", strings.Join(slices.Sorted(maps.Keys(p.vars)), ", "))
		}
	}
	maps.Copy(p.vars, a.settings.vars)
	p.Vars = p.vars
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(p.vars)) {
		fmt.Fprintf(sum, "%q=%q\n", name, p.vars[name])
	}
	p.varsHash = hex.EncodeToString(sum.Sum(nil)[:8])
}

// mentions reports whether a variable's name stands as a text in a model or an assertion, header and SQL.
func (p *project) mentions(name string) bool {
	in := func(file string) bool {
		text, err := fs.ReadFile(p.files, file)
		return err == nil && strings.Contains(string(text), "'"+name+"'")
	}
	return slices.ContainsFunc(p.Models, func(m *model.Model) bool { return in(m.File) }) ||
		slices.ContainsFunc(p.Assertions, func(t *model.Assertion) bool { return in(t.File) })
}

// database is what terrace.yml says of the database, for the chosen environment.
func (p *project) database(a *App) string {
	if named := p.Config.Environments[a.settings.environment].Database; named != "" {
		return named
	}
	return p.Config.Database
}

func (p *project) threads(a *App) int {
	for _, n := range []int{a.settings.threads, p.Config.Environments[a.settings.environment].Threads, p.Config.Threads} {
		if n > 0 {
			return n
		}
	}
	return 1
}

// sourceHash is a hash of what a node is made from, cheap enough to take of every node at every start.
func (p *project) sourceHash(n *dag.Node) string {
	switch {
	case n.Inline != nil:
		sum := sha256.Sum256([]byte(materialize.Assertion(*n.Inline, "relation")))
		return hex.EncodeToString(sum[:16])
	case n.Model != nil:
		return n.Model.FileHash + p.varsHash + p.zoneMark()
	case n.Assertion != nil:
		return n.Assertion.FileHash + p.varsHash + p.zoneMark()
	case n.Seed != nil:
		return n.Seed.FileHash + p.zoneMark()
	default:
		return ""
	}
}

// zoneMark is the project's time zone as a part of what nodes are made from: in another one, times have other dates, and
// what was built would be of both. The default is "", as for warehouses that were built before there was a mark.
func (p *project) zoneMark() string {
	if p.Config.Timezone == model.DefaultTimezone {
		return ""
	}
	return "@" + p.Config.Timezone
}

// fingerprint is a hash of what a node means: equal for two files that differ in comments and spaces alone.
func (p *project) fingerprint(n *dag.Node) (string, error) {
	if n.Model == nil || n.Inline != nil {
		return p.sourceHash(n), nil
	}
	print, err := model.Fingerprint(n.Model, p.vars)
	return print + p.zoneMark(), err
}

// withReads adds to the graph what the assertions' own SQL reads. Only the files that changed since they last passed
// are parsed; of the others the state knows.
func (p *project) withReads(state dag.State) error {
	reads := map[string][]string{}
	for _, a := range p.Assertions {
		n := p.graph.Node(a.Name)
		if n == nil {
			continue
		}
		if known, ok := state[a.Name]; ok && known.SourceHash == p.sourceHash(n) {
			reads[a.Name] = known.DependsOn
			continue
		}
		found, err := model.Reads(a.SQL)
		if err != nil {
			continue // the check of the project's SQL tells it with its place
		}
		for _, r := range found {
			reads[a.Name] = append(reads[a.Name], r.Name)
		}
	}
	p.graph = p.graph.WithReads(reads)
	return nil
}

// changes says what a node is against its state, for the selector method state:. A stream is new until it has a table: of
// what is landed nothing is built again when its declaration changes.
func (p *project) changes(ctx context.Context, conn *pgx.Conn, state dag.State) (func(string) dag.Change, error) {
	landed, err := ods.Streams(ctx, conn)
	if err != nil {
		return nil, err
	}
	return func(name string) dag.Change {
		n, s := p.graph.Node(name), state[name]
		if n.Kind == dag.KindStream {
			if p.streams[name].External() || slices.Contains(landed, name) {
				return dag.ChangeNone
			}
			return dag.ChangeNew
		}
		if _, known := state[name]; !known {
			return dag.ChangeNew
		}
		if s.SourceHash == p.sourceHash(n) {
			return dag.ChangeNone
		}
		if fingerprint, err := p.fingerprint(n); err == nil && fingerprint == s.Fingerprint {
			return dag.ChangeNone
		}
		return dag.ChangeModified
	}, nil
}
