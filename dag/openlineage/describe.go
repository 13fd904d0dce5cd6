package openlineage

import (
	"maps"
	"time"

	"github.com/google/uuid"

	"github.com/terrace-elt/terrace/dag"
)

func (t *Teller) producer() string { return producer + t.Version }

func (t *Teller) facet(version, name string, fields map[string]any) Facet {
	return Facet{Version: version, Name: name, Producer: t.producer(), Fields: fields}
}

// namespace is that of the project's relations.
func (t *Teller) namespace() string { return "postgres://" + t.Host }

// named is a relation's name within it.
func (t *Teller) named(relation string) string { return t.Database + "." + relation }

func (t *Teller) event(kind string, at time.Time) Event {
	e := Event{
		EventType: kind, EventTime: at.UTC(), Producer: t.producer(), SchemaURL: eventSchema,
		Inputs: []Dataset{}, Outputs: []Dataset{},
	}
	e.Run.Facets = Facets{}
	e.Job.Namespace, e.Job.Facets = t.Config.Namespace, Facets{}
	if t.ScheduledFor != nil {
		e.Run.Facets["nominalTime"] = t.facet("1-0-1", "NominalTimeRunFacet", map[string]any{"nominalStartTime": t.ScheduledFor.UTC()})
	}
	return e
}

// job is the name of the job that is the whole run.
func (t *Teller) job() string { return t.Project + "." + t.Command }

// ofRun is an event of the run as a whole.
func (t *Teller) ofRun(kind string, at time.Time) Event {
	e := t.event(kind, at)
	e.Run.RunID, e.Job.Name = t.RunID.String(), t.job()
	e.Job.Facets["jobType"] = t.jobType("COMMAND")
	e.Run.Facets["processing_engine"] = t.facet("1-1-1", "ProcessingEngineRunFacet", map[string]any{"name": "terrace", "version": t.Version})
	if p := t.Config.Parent; p != nil {
		e.Run.Facets["parent"] = t.parent(*p)
	}
	return e
}

func (t *Teller) parent(p Parent) Facet {
	return t.facet("1-2-0", "ParentRunFacet", map[string]any{
		"run": map[string]string{"runId": p.RunID},
		"job": map[string]string{"namespace": p.Namespace, "name": p.Name},
	})
}

func (t *Teller) jobType(kind string) Facet {
	return t.facet("2-0-4", "JobTypeJobFacet", map[string]any{"processingType": "BATCH", "integration": "TERRACE", "jobType": kind})
}

func (t *Teller) errorMessage(message string) Facet {
	return t.facet("1-0-1", "ErrorMessageRunFacet", map[string]any{"message": t.Redact(message), "programmingLanguage": "SQL"})
}

// ofStep is an event of one step. Its run's id is made from those of the run and the step: who has the ledger finds it.
func (t *Teller) ofStep(kind string, step dag.Step, at time.Time) Event {
	e := t.event(kind, at)
	node := step.Node()
	e.Run.RunID = uuid.NewSHA1(t.RunID, []byte(step.Name)).String()
	e.Run.Facets["parent"] = t.parent(Parent{Namespace: t.Config.Namespace, Name: t.job(), RunID: t.RunID.String()})
	e.Job.Name = step.Name
	maps.Copy(e.Job.Facets, t.jobFacets(node))
	for _, relation := range node.Deps {
		e.Inputs = append(e.Inputs, t.dataset(relation))
	}
	if node.Kind == dag.KindStream {
		if namespace, name, ok := t.Origin(step.Name); ok {
			e.Inputs = append(e.Inputs, Dataset{Namespace: namespace, Name: name})
		}
	}
	if relation := node.Fills(); relation != "" {
		e.Outputs = append(e.Outputs, t.dataset(relation))
	}
	return e
}

func (t *Teller) dataset(relation string) Dataset {
	return Dataset{Namespace: t.namespace(), Name: t.named(relation)}
}

func (t *Teller) jobFacets(n *dag.Node) Facets {
	facets := Facets{"jobType": t.jobType(jobTypeOf(n.Kind))}
	if n.Owner != "" {
		facets["ownership"] = t.facet("1-0-1", "OwnershipJobFacet", map[string]any{"owners": []map[string]string{{"name": n.Owner}}})
	}
	if n.Model == nil || n.Kind == dag.KindAssertion {
		return facets
	}
	facets["sql"] = t.facet("1-1-0", "SQLJobFacet", map[string]any{"query": n.Model.SQL, "dialect": "postgresql"})
	if n.Model.Header.Description != "" {
		facets["documentation"] = t.facet("1-1-0", "DocumentationJobFacet", map[string]any{"description": n.Model.Header.Description, "contentType": "text/plain"})
	}
	return facets
}

func jobTypeOf(k dag.NodeKind) string {
	switch k {
	case dag.KindStream:
		return "STREAM"
	case dag.KindSeed:
		return "SEED"
	case dag.KindAssertion:
		return "TEST"
	default:
		return "MODEL"
	}
}

// judged says of the relations that an assertion is about whether they are as it wants them.
func (t *Teller) judged(e *Event, step dag.Step, passed bool) {
	node := step.Node()
	assertion := map[string]any{"assertion": step.Name, "success": passed, "severity": string(node.Severity())}
	if node.Inline != nil && len(node.Inline.Columns) == 1 {
		assertion["column"] = node.Inline.Columns[0]
	}
	facet := t.facet("1-1-0", "DataQualityAssertionsDatasetFacet", map[string]any{"assertions": []map[string]any{assertion}})
	for _, on := range node.On {
		for i := range e.Inputs {
			if e.Inputs[i].Name == t.named(on) {
				e.Inputs[i].InputFacets = Facets{"dataQualityAssertions": facet}
			}
		}
	}
}

// descriptions are what the project's files say of a node's columns, by column.
func descriptions(n *dag.Node) map[string]string {
	written := n.Described()
	said := make(map[string]string, len(written))
	for _, c := range written {
		said[c.Name] = c.Description
	}
	return said
}
