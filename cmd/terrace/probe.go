package main

import (
	"context"
	"fmt"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/extract"
	"github.com/terrace-elt/terrace/ods"
)

// probed is what a source said when it was asked, as --json shows it.
type probed struct {
	Source string `json:"source"`
	Stream string `json:"stream"`
	OK     bool   `json:"ok"`
	Error  string `json:"error,omitempty"`
	Hint   string `json:"hint,omitempty"`

	err error
}

// probe asks sources whether they can be read with the credentials of now. Of one of type http a single stream is asked for,
// since each request counts for its limits; of the others all streams, which costs them next to nothing.
// The store is what reading needs of the warehouse; only sources of type http need it.
func (p *project) probe(ctx context.Context, a *App, store *ods.Store, take func(*extract.Source) bool) []probed {
	deps := extract.Deps{Now: a.Now, LookupEnv: a.LookupEnv, FS: p.files, Log: a.Log, Retry: a.Retry}
	deps.Retry.Attempts = 2 // whoever checks waits for the answer
	if store != nil {
		deps.Lander = store
	}
	reader := extract.NewReader(deps)
	var all []probed
	for _, source := range p.sources {
		if !take(source) {
			continue
		}
		for _, stream := range source.Streams {
			if stream.External() || stream.Parent() != "" {
				continue
			}
			out := probed{Source: source.Name, Stream: stream.Name, OK: true}
			if err := reader.Probe(ctx, stream); err != nil {
				out.OK, out.err, out.Error, out.Hint = false, err, a.redact(err.Error()), a.redact(hintOf(err))
			}
			all = append(all, out)
			if source.Type == extract.HTTP {
				break
			}
		}
	}
	return all
}

// cheap are the sources that may be asked without being told to: those that count no requests.
func cheap(s *extract.Source) bool { return s.Type == extract.S3 || s.Type == extract.Postgres }

// askSources is the part of check that asks the sources.
func (c *CheckCmd) askSources(ctx context.Context, a *App, p *project) ([]probed, error) {
	store, pool, err := a.openStore(ctx)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	return p.probe(ctx, a, store, func(*extract.Source) bool { return true }), nil
}

// unreadable is the error of sources that cannot be read, nil when there is none.
func unreadable(all []probed) error {
	bad := 0
	for _, s := range all {
		if !s.OK {
			bad++
		}
	}
	if bad == 0 {
		return nil
	}
	return &surroundingsError{err: fmt.Errorf("%d of %s cannot be read", bad, counted(len(all), "stream")), hint: "What was asked, and what to do, is said above."}
}

func (a *App) printProbed(all []probed) {
	for _, s := range all {
		if s.OK {
			a.printf("%s  source %s answers (%s)", a.status(dag.Success), s.Source, s.Stream)
			continue
		}
		a.printf("%s  source %s: %s", a.status(dag.Failure), s.Source, s.Error)
		if s.Hint != "" {
			a.printf("         %s", s.Hint)
		}
	}
}
