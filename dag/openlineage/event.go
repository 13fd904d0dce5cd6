// Package openlineage tells a lineage service what a run does: events of OpenLineage 2-0-2
// (https://openlineage.io/spec/2-0-2/OpenLineage.json), one job for the command and one for each of its steps. What goes
// wrong with an event never changes how a run ends.
package openlineage

import (
	"encoding/json"
	"maps"
	"time"
)

// The types of events: a run of a job has one Start and one of the others.
const (
	Start    = "START"
	Complete = "COMPLETE"
	Fail     = "FAIL"
	Abort    = "ABORT"
)

const (
	eventSchema = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
	// producer is followed by the version of terrace.
	producer = "https://github.com/terrace-elt/terrace/tree/"
)

// Event is a RunEvent.
type Event struct {
	EventType string    `json:"eventType"`
	EventTime time.Time `json:"eventTime"`
	Producer  string    `json:"producer"`
	SchemaURL string    `json:"schemaURL"`
	Run       Run       `json:"run"`
	Job       Job       `json:"job"`
	Inputs    []Dataset `json:"inputs"`
	Outputs   []Dataset `json:"outputs"`
}

// Run is one run of a job.
type Run struct {
	RunID  string `json:"runId"`
	Facets Facets `json:"facets,omitempty"`
}

// Job is what runs.
type Job struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Facets    Facets `json:"facets,omitempty"`
}

// Dataset is what a job reads or writes.
type Dataset struct {
	Namespace    string `json:"namespace"`
	Name         string `json:"name"`
	Facets       Facets `json:"facets,omitempty"`
	InputFacets  Facets `json:"inputFacets,omitempty"`
	OutputFacets Facets `json:"outputFacets,omitempty"`
}

// Facets are what is said of a run, a job or a dataset, by the key that the specification gives each.
type Facets map[string]Facet

// Facet is one of them. Version and Name make the address of its schema.
type Facet struct {
	Version string // "1-2-0"
	Name    string // "SchemaDatasetFacet"
	// Producer is whoever says it; the event's own.
	Producer string
	Fields   map[string]any
}

// MarshalJSON writes the fields with what every facet has to say of itself.
func (f Facet) MarshalJSON() ([]byte, error) {
	fields := maps.Clone(f.Fields)
	fields["_producer"] = f.Producer
	fields["_schemaURL"] = "https://openlineage.io/spec/facets/" + f.Version + "/" + f.Name + ".json#/$defs/" + f.Name
	return json.Marshal(fields)
}
