package openlineage

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/materialize"
)

// Options is what a Teller knows of a run.
type Options struct {
	Config Config
	// Project and Command name the job that is the whole run; Version is terrace's.
	Project, Command, Version string
	RunID                     uuid.UUID
	// Database is where the project's relations are: host:port, and the database's name.
	Host, Database string
	Graph          *dag.Graph
	// ScheduledFor is when a schedule meant the run to be; nil for one that nobody scheduled.
	ScheduledFor *time.Time
	// Origin is where a stream's records come from: a namespace and a name; false where there is no name for it.
	Origin func(stream string) (namespace, name string, ok bool)
	// Columns reads the columns of relations as they are now, by name. It is called from another goroutine.
	Columns func(ctx context.Context, relations []string) (map[string][]materialize.Column, error)
	// Redact takes secrets out of a text.
	Redact func(string) string
	// Together says that what a step built is not visible before the run ends.
	Together bool
	Now      func() time.Time
}

// Teller tells of one run. Its methods are called by one goroutine.
type Teller struct {
	Options
	transport transport
	queue     *queue
	open      map[string]dag.Step // steps that started and of whose end nothing was told
}

// NewTeller begins to tell of a run. Close ends it.
func NewTeller(ctx context.Context, o Options) *Teller {
	if o.Config.Namespace == "" {
		o.Config.Namespace = o.Project
	}
	t := &Teller{Options: o, transport: o.Config.open(), queue: newQueue(ctx), open: map[string]dag.Step{}}
	t.send(t.ofRun(Start, o.Now()), "")
	return t
}

// Observe is told of each start and end of a step, as a dag.Runner tells it.
func (t *Teller) Observe(e dag.Event) {
	now := t.Now()
	if e.Started {
		t.open[e.Step.Name] = e.Step
		t.send(t.ofStep(Start, e.Step, now), "")
		return
	}
	if _, started := t.open[e.Step.Name]; !started {
		if e.Result.Status == dag.Skipped || e.Result.Status == dag.Cancelled {
			return // nothing was done
		}
		t.send(t.ofStep(Start, e.Step, now), "") // judged within its model's step
	}
	if t.Together && e.Step.Kind != dag.KindStream && !e.Result.Status.Bad() {
		t.open[e.Step.Name] = e.Step
		return // that it took effect is known in the end
	}
	delete(t.open, e.Step.Name)
	t.end(e.Step, outcome{e.Result.Status, e.Result.Reason, e.Result.Rows, e.Result.Err}, now)
}

// End tells how the run ended, and its steps of which that is known only now.
func (t *Teller) End(report dag.Report) {
	now := t.Now()
	for _, s := range report.Steps {
		if step, ok := t.open[s.Name]; ok {
			t.end(step, outcome{s.Status, s.Reason, s.Rows, s.Err()}, now)
		}
	}
	last := t.ofRun(eventType(report.Status), now)
	if report.Status.Bad() {
		last.Run.Facets["errorMessage"] = t.errorMessage(string(report.Status))
	}
	t.send(last, "")
}

// Close waits for what is still to be handed over, for as long as it is given, and says how many events were not taken,
// and why.
func (t *Teller) Close(within time.Duration) (lost int, err error) { return t.queue.close(within) }

// outcome is how a step ended.
type outcome struct {
	status dag.Status
	reason string
	rows   dag.Rows
	err    error
}

func (t *Teller) end(step dag.Step, o outcome, at time.Time) {
	e := t.ofStep(eventType(o.status), step, at)
	if o.err != nil {
		e.Run.Facets["errorMessage"] = t.errorMessage(o.err.Error())
	}
	if step.Kind == dag.KindAssertion {
		t.judged(&e, step, !o.status.Bad() && !dag.Warned(o.reason))
	}
	described := ""
	if e.EventType == Complete && len(e.Outputs) > 0 {
		e.Outputs[0].OutputFacets = Facets{"outputStatistics": t.facet("1-0-2", "OutputStatisticsOutputDatasetFacet", map[string]any{
			"rowCount": o.rows.Inserted + o.rows.Updated,
		})}
		described = step.Name
	}
	t.send(e, described)
}

func eventType(s dag.Status) string {
	switch {
	case s == dag.Cancelled:
		return Abort
	case s.Bad() && s != dag.PartialSuccess:
		return Fail
	default:
		return Complete
	}
}

// send hands an event over, when those before it have been. Of a node that is named the columns are read then.
func (t *Teller) send(e Event, node string) {
	t.queue.put(func(ctx context.Context) error {
		if node != "" {
			t.describe(ctx, &e, node)
		}
		text, err := json.Marshal(e)
		if err != nil {
			return err
		}
		return t.transport.Emit(ctx, text)
	})
}

// describe adds the columns of what a node has built, and what each is made from. Without them the event is still true.
func (t *Teller) describe(ctx context.Context, e *Event, name string) {
	node := t.Graph.Node(name)
	relations := append([]string{node.Fills()}, node.Deps...)
	columns, err := t.Columns(ctx, relations)
	if err != nil || len(columns[relations[0]]) == 0 {
		return
	}
	lineage := dag.NewLineage(t.Graph, columns)
	said := descriptions(node)
	fields, made := []map[string]any{}, map[string]any{}
	for i, c := range columns[relations[0]] {
		field := map[string]any{"name": c.Name, "type": c.Type, "ordinal_position": i + 1}
		if said[c.Name] != "" {
			field["description"] = said[c.Name]
		}
		fields = append(fields, field)
		from := []map[string]any{}
		for _, next := range lineage.Made(name, c.Name).Next {
			from = append(from, map[string]any{"namespace": t.namespace(), "name": t.named(next.Node), "field": next.Column})
		}
		if len(from) > 0 {
			made[c.Name] = map[string]any{"inputFields": from}
		}
	}
	e.Outputs[0].Facets = Facets{"schema": t.facet("1-2-0", "SchemaDatasetFacet", map[string]any{"fields": fields})}
	if len(made) > 0 {
		e.Outputs[0].Facets["columnLineage"] = t.facet("1-2-0", "ColumnLineageDatasetFacet", map[string]any{"fields": made})
	}
}
