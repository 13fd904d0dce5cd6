// Package model reads a project from files: settings, model headers, seeds, assertions. It reports every problem it
// finds with its place and a way out, and opens no database. A loaded project is not changed afterwards and may be
// read by many goroutines.
package model

import (
	"slices"
	"strings"
	"time"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

// Problem is one mistake in the project's files.
type Problem = strict.Problem

// Project is everything that the files of a project say, each list sorted by name.
type Project struct {
	Config     Config
	Streams    []Stream
	Seeds      []Seed
	Models     []*Model
	Assertions []*Assertion
	// Vars are the values of terrace.var() that CheckSQL knows; nil for one that does not look.
	Vars map[string]string
}

// Stream is a relation that extraction fills: what the graph needs to know of it.
type Stream struct {
	Name   string // "feiqiu_ods.member_profiles"
	Source string // "feiqiu"
	File   string
	Line   int
	Tags   []string
	// Parent is the stream whose records this one fetches details for, or "".
	Parent string
	// Reads are the streams that a query of the declaration reads, sorted: they are read first.
	Reads []string
	// External marks a relation of type existing: others fill it, there is nothing to extract.
	External bool
}

// Seed is a small table kept as a CSV file. Columns come from an optional YAML file of the same name beside it;
// a column that it does not mention is text.
type Seed struct {
	Name        string // "xiaoe_ref.order_state"
	Schema      string
	Relation    string
	File        string
	Key         []string
	Columns     []Column // every column of the CSV, in its order
	Rows        int
	Tags        []string
	Description string
	// Assert are the rules of its columns.
	Assert   []Inline
	FileHash string // of the CSV and its YAML, line ends normalised
}

// Model is one SQL file under models/.
type Model struct {
	Name     string // "feiqiu_dwd.dim_member"
	Schema   string
	Relation string
	File     string // "models/feiqiu/dwd/dim_member.sql"
	Header   Header
	// SQL is the file's text after the header, without a final semicolon.
	SQL string
	// SQLLine is the line of the file on which SQL begins, from 1.
	SQLLine int
	// FileHash is a hash of the file's bytes.
	FileHash string
	// Exchanged is set when SQL reads other relations than the file does: it knows the way back to places of the file.
	Exchanged *Exchanged

	// undeclared says that the header could not be read as far as depends_on: what it names is not known.
	undeclared bool
	// places are those of header keys and of some of their values.
	places map[string]strict.Pos
}

// Place is where a header key stands, or the value of it that is named: Place("key", "id"), Place("indexes", "0"). What is
// not written stands where the key around it does, and that at the beginning of the file.
func (m *Model) Place(key string, value ...string) strict.Pos {
	for _, name := range append(value, "") {
		if at, ok := m.places[key+" "+name]; ok {
			return at
		}
	}
	if dot := strings.LastIndexByte(key, '.'); dot > 0 {
		return m.Place(key[:dot])
	}
	return strict.Pos{Line: 1, Col: 1}
}

// Before is the file's own SQL that stands before a character of SQL, counted from 0.
func (m *Model) Before(character int) string {
	if m.Exchanged != nil {
		return m.Exchanged.Before(character)
	}
	text := []rune(m.SQL)
	return string(text[:min(character, len(text))])
}

// Kind is how a model is kept in the database.
type Kind string

// The kinds of models.
const (
	View             Kind = "view"
	Table            Kind = "table"
	Incremental      Kind = "incremental"
	SCD2             Kind = "scd2"
	MaterializedView Kind = "materialized_view"
	SQL              Kind = "sql"
)

// Header is the YAML mapping at the head of a model file, with defaults filled in.
type Header struct {
	Kind           Kind
	DependsOn      []Ref
	Key            []string
	Incremental    *IncrementalSpec // nil unless Kind is Incremental
	SCD2           *SCD2Spec        // nil unless Kind is SCD2
	Window         string
	Columns        []Column
	Rejects        []RejectRule
	Assert         []Inline
	Indexes        []Index
	PartitionBy    *Partition          `json:",omitempty"`
	Grants         map[string][]string // privilege → roles
	Distribute     *Distribution       `json:",omitempty"`
	OnSchemaChange SchemaChange
	Target         string // Kind SQL: the relation that the statements fill
	Version        int
	Owner          string
	Tags           []string
	Description    string
	Disabled       bool
	Timeout        time.Duration // 0: none
	Meta           map[string]any
	Dashboard      []Figure `json:",omitempty"` // not there in a fingerprint, as before there were any

	// observes says that the query reads no versions, whatever depends_on names.
	observes bool
}

// Ref is a declared dependency and its place.
type Ref struct {
	// Name as written, for example "feiqiu_ods.member_profiles__versions".
	Name string
	// Node is the node that Name belongs to: Name without __versions or __rejects where that names no node itself.
	Node string
	Line int
	Col  int
}

// IncrementalSpec is the header key "incremental".
type IncrementalSpec struct {
	By      []string
	Changed map[string][]string // upstream relation → expressions that give By
}

// OnDelete says what an scd2 model does with a key that is gone.
type OnDelete string

// The values of on_delete.
const (
	Keep      OnDelete = "keep"
	Close     OnDelete = "close"
	Tombstone OnDelete = "tombstone"
)

// SCD2Spec is the header key "scd2", with defaults filled in.
type SCD2Spec struct {
	ValidFrom string // output column with the version's effective time, or ""
	OnDelete  OnDelete
	Track     []string // empty: all but the key and ValidFrom
	// Names of the three columns that the kind adds.
	FromColumn, ToColumn, CurrentColumn string
}

// SchemaChange says what happens when a model's columns no longer match its table.
type SchemaChange string

// The values of on_schema_change.
const (
	FailOnChange SchemaChange = "fail"
	Append       SchemaChange = "append"
	Sync         SchemaChange = "sync"
)

// Column is one entry of the header key "columns".
type Column struct {
	Name        string
	Type        string // "" when the header does not say
	Description string
	NotNull     bool
	Unique      bool
	Values      []string
	References  string // "schema.relation.column"
	Line        int
}

// Replays reports whether the query reads every version of its records and not their state now.
func (h Header) Replays() bool {
	return !h.observes && slices.ContainsFunc(h.DependsOn, func(r Ref) bool { return strings.HasSuffix(r.Name, VersionsSuffix) })
}

// RejectRule is one entry of the header key "rejects".
type RejectRule struct {
	Name      string
	Condition string   // on the output row, under the alias t; what is not true keeps the row
	Message   string   // "" for the condition itself
	Fields    []string // output columns that are shown; none for those that the condition names
	Line      int
}

// Index is one entry of the header key "indexes".
type Index struct {
	Columns []string // names or expressions
	Include []string
	Unique  bool
	Where   string
	Method  string // "" for btree
}

// Severity of an assertion.
type Severity string

// The severities of an assertion. An error keeps the model it judges from being published; a warning is reported.
const (
	SeverityError Severity = "error"
	SeverityWarn  Severity = "warn"
)

// Assertion is one SQL file under tests/. Its query returns the failing rows.
type Assertion struct {
	Name        string // "feiqiu.settlements_reconcile": the path below tests/, joined by dots
	File        string
	On          []Ref // the models that it judges
	Severity    Severity
	ErrorIf     string // condition on the number of failing rows, "> 0" by default
	WarnIf      string
	Description string
	Tags        []string
	SQL         string
	SQLLine     int
	FileHash    string
}

// InlineKind is the name of an inline assertion.
type InlineKind string

// The inline assertions of a header.
const (
	NotNull    InlineKind = "not_null"
	Unique     InlineKind = "unique"
	Values     InlineKind = "values"
	References InlineKind = "references"
	Expression InlineKind = "expression"
	RowCount   InlineKind = "row_count"
	Freshness  InlineKind = "freshness"
	Reconcile  InlineKind = "reconcile"
)

// Inline is one entry of the header key "assert", or one made from a column's not_null, unique, values, references.
// Which fields are set depends on Kind.
type Inline struct {
	Kind     InlineKind
	Name     string // unique within the model: "not_null_site_id" unless the header gives one
	Severity Severity
	Where    string   // only rows for which this holds are judged
	Columns  []string // NotNull, Unique, Values, References, Freshness
	Values   []string // Values
	// To is the relation and column that References points at, and the relation that Reconcile compares with.
	To, ToColumn string
	Expression   string        // Expression: true for every good row
	Min, Max     *int64        // RowCount
	MaxAge       time.Duration // Freshness
	Count        bool          // Reconcile: row counts are compared
	Sums         []Sum         // Reconcile
	ToWhere      string        // Reconcile: condition on the other side
	Line         int
}

// Sum is one pair of sums that Reconcile compares.
type Sum struct {
	Ours, Theirs string // expressions; Theirs equals Ours unless given
	Tolerance    string // numeric text, "0" by default
}

// Config is terrace.yml with defaults filled in.
type Config struct {
	Name         string
	Database     string
	Timezone     string
	Threads      int
	Vars         map[string]string
	Environments map[string]Environment
	Selectors    map[string]string // name → selection
	Budget       Budget
	// KeepHistory is how long occurrences of schedules are kept.
	KeepHistory time.Duration
	// KeepRuns is how long processes that stay leave runs in the ledger; 0 is for ever.
	KeepRuns time.Duration
	// Alerts and OpenLineage are the sections of these names as they are written: what sends them reads them.
	Alerts, OpenLineage strict.Node
}

// Budget is what check lets the planner expect of a model's query; zero for no limit.
type Budget struct {
	MaxCost float64 // in the planner's own unit
	MaxRows float64 // of the result
}

// Environment is one entry of "environments": what differs from the project's own settings.
type Environment struct {
	Database string
	Vars     map[string]string
	Threads  int
	// Apart says that what differs from production is built beside it, in schemas of its own, in the same database.
	Apart bool
}
