// Package materialize turns a model and the columns of its query into the SQL that keeps it. It is pure: no database,
// no clock, no chance in a name. It writes no BEGIN or COMMIT; who executes a script owns the transaction, and a
// script assumes one transaction from its first statement to its last.
package materialize

import (
	"fmt"

	"github.com/terrace-elt/terrace/dag/model"
)

// Column is a column of a query or a relation, with its type as format_type() writes it.
type Column struct {
	Name string
	Type string
}

// RelationKind is what kind of relation stands in the database.
type RelationKind string

// The kinds of relations that a model can meet under its name.
const (
	IsTable            RelationKind = "table"
	IsView             RelationKind = "view"
	IsMaterializedView RelationKind = "materialized view"
	IsForeignTable     RelationKind = "foreign table"
	IsSequence         RelationKind = "sequence"
	IsIndex            RelationKind = "index"
	IsType             RelationKind = "type"
)

// Odd reports whether nothing of the kind can take or leave a model's place.
func (k RelationKind) Odd() bool {
	return k != IsTable && k != IsView && k != IsMaterializedView
}

// Relation is what the database has under a model's name before the model is built.
type Relation struct {
	Kind RelationKind
	// Was is the kind of node that it was built as; "" when that is not known, or when others made it.
	Was     string
	Columns []Column // in order; generated columns included
	// Generated are the names of the columns that the server computes.
	Generated []string
	// Domains are the types of the columns that are of a domain, by name; Columns have the types that those are over.
	Domains map[string]string
	// Collations are those of columns that have another than their type, quoted, by name.
	Collations map[string]string
	Indexes    []Index // nil when they are not known
	// Partition is nil for a table that is not partitioned. Distributed says that Citus keeps its rows on other nodes.
	Partition   *Partitioning
	Distributed bool
	// Handmade are the indexes that people made. It is known only where Script.Replaces asked for it.
	Handmade []HandmadeIndex
	// Restore gives a new relation of the same name the old one's owner, grants and comments.
	Restore []Restoring
	// Views read the relation, directly or through one another, in an order in which they can be created.
	Views []DependentView
	// Others depend on it and cannot be made again from a definition: "materialized view a.b", "constraint c on d.e".
	Others []string
}

// Index is an index as the catalog has it.
type Index struct {
	Name   string // without its schema, not quoted
	Unique bool
	// Columns are what it is made of, "" for an expression, without what it only includes; nil when they are not known.
	Columns []string
}

// Restoring is a statement that gives a new relation what the old one had. One about a column that is no more is left out.
type Restoring struct {
	Column string // "" when it is about the relation
	SQL    string
	// Stores says that it is about how the relation stores its rows, which a partitioned table does not itself.
	Stores bool
}

// DependentView is a view that reads a relation which is about to be replaced.
type DependentView struct {
	OID        uint32
	Name       string // schema-qualified, not quoted
	Definition string // the query
	// Reads are the columns of the relation that the view names itself; none when it reads only other views.
	Reads   []string
	Restore []Restoring
	// Model is what the view was made of, as its file is now; nil for a view of others. From its SQL it is made again where
	// the relation loses a column that it reads.
	Model *model.Model
}

// Input is everything that decides a script.
type Input struct {
	Model *model.Model
	// Columns of the model's query, as the server describes them. It calls a domain by the type that it is over: Domains
	// are those of the columns that are of one, by name.
	Columns []Column
	Domains map[string]string
	// Collations are those of the query's columns that have another than their type, quoted, by name.
	Collations map[string]string
	// Existing is nil when nothing stands under the model's name.
	Existing *Relation
	// Windowed limits an incremental model to the rows inside terrace.window_start() and terrace.window_end().
	Windowed bool
	// FullRefresh builds an incremental model from nothing, whatever on_schema_change says.
	FullRefresh bool
	// Foreign says that what stands under the name was made by others: nothing of it is kept but the name, its readers and
	// what people may do with it. The versions in a table that fits an scd2 model are kept.
	Foreign bool
	// Redefined says that the relation was built from another file, or that nobody knows: its description may be old.
	Redefined bool
	// Gated says that assertions judge the content before it is published.
	Gated bool
	// Groups, when set, limits an incremental or scd2 model to the groups that changes upstream concern.
	Groups *Groups
	// Most says that no Groups are set since the changes concern most of the model.
	Most bool
	// Newest is the time of the newest event that the timelines of a dimension have, as text, "" when it is not known.
	Newest string
	// Feed, when set, keeps the rows that change for others to read.
	Feed *Feed
	// Aside says that Publish may be executed much later than the rest: what would take locks that readers wait for is
	// complete beside the relation before it, as Script.Aside says.
	Aside bool
	// HasRejects says that the relation of the model's rejected rows is there.
	HasRejects bool
	// Citus says that the server can keep rows on other nodes, as the header's distribute wants.
	Citus bool
	// StaleRejects says that it is there and that the model no longer has rules that reject rows.
	StaleRejects bool

	layout layout // of the table that the model becomes
}

// Counter says what a statement's row count is a count of.
type Counter string

// The counters.
const (
	None     Counter = ""
	Inserted Counter = "inserted"
	Updated  Counter = "updated"
	Deleted  Counter = "deleted"
	Staged   Counter = "staged"   // rows computed aside: what was neither inserted nor updated is unchanged
	Fed      Counter = "fed"      // rows written to the feed: two for one that was updated
	Rejected Counter = "rejected" // rows taken out of those computed aside, by a rule of rejects
	Filed    Counter = "filed"    // rows of the relation of rejects that came or went
)

// Statement is one statement of a script.
type Statement struct {
	SQL    string
	Counts Counter
	// Body is the offset in characters at which the model's own SQL stands in SQL, or -1.
	Body int
	// Purpose says what the statement does, where an error would not tell: "make view a.b again".
	Purpose string
}

// Check is a query that must return no row before anything is published. Its first column says in words what is wrong.
type Check struct {
	SQL  string
	Hint string
}

// Script keeps one model, in one transaction: Build, then Checks, then the assertions on Stage, then Index, then Publish.
// When Stage is empty the assertions are run after Publish, on the model under its own name.
type Script struct {
	Build  []Statement
	Checks []Check
	// Stage is the relation, quoted, that holds the new content before it is published.
	Stage string
	// Index prepares what passed for its readers, while they still have the old.
	Index   []Statement
	Publish []Statement
	// Aside is the relation, quoted, that has the new content until Publish is executed and under which it can be read
	// meanwhile; "" when Publish itself makes the content.
	Aside string
	// Exclusive says that Publish takes locks that readers wait for: it must be short, bounded and retried.
	Exclusive bool
	// Replaces says that what stands under the model's name is dropped: the script is right only when Input.Existing
	// had all that depends on it.
	Replaces bool
	// Alters says that columns change in place: who reads the relation has other rows to read, even where none of them was
	// written.
	Alters bool
	// Beside says that after Index, when it is known how many rows change, Beside gives another script to publish them.
	Beside bool
	// Sample, when set, is a query for about how many rows change, and how many the model's table has, which can be asked
	// before Index: where they are most, Direct gives a script that needs no difference.
	Sample string
	// Last takes away what the model no longer has, after everything else. It takes locks that readers wait for, and is short.
	Last []Statement
	// Lost says in words what could not be kept of what people made, and why a table was built anew, each a sentence
	// without its end.
	Lost []string
	// Newest, when set, is a query for what will be Input.Newest the next time. It can be asked once Build is executed.
	Newest string
	// Delta, when set, is a query that returns inserted, updated and deleted rows, asked after Publish, or before it where the
	// script is one of Beside or Direct.
	Delta string
}

// RefusedError says that a model cannot be built over what is there, and what to do.
type RefusedError struct {
	Message string
	Hint    string
	// Key is that of the header which it is about, "" for kind.
	Key string
}

func (e *RefusedError) Error() string { return e.Message }

// Render returns the script that builds the model. Errors are of type *RefusedError.
func Render(in Input) (Script, error) {
	if in.Existing != nil && in.Existing.Kind.Odd() {
		return Script{}, &RefusedError{
			Message: fmt.Sprintf("%s is there already, a %s", in.Model.Name, in.Existing.Kind),
			Hint:    "Rename the model, or move what stands there.",
		}
	}
	if err := KeepsVersions(in); err != nil {
		return Script{}, err
	}
	script, err := render(in)
	if err == nil && in.StaleRejects {
		script.Last = append(script.Last, dropRejects(in.Model))
	}
	return script, err
}

func render(in Input) (Script, error) {
	if in.Model.Header.Kind == model.Table || in.Model.Header.Kind == model.Incremental {
		var err error
		if in.layout, err = newLayout(in, in.Columns); err != nil {
			return Script{}, err
		}
	}
	switch in.Model.Header.Kind {
	case model.View:
		return renderView(in)
	case model.Table:
		return renderTable(in)
	case model.Incremental:
		return renderIncremental(in)
	case model.SCD2:
		return renderSCD2(in)
	case model.MaterializedView:
		return renderMaterializedView(in)
	case model.SQL:
		return Script{Publish: []Statement{{SQL: in.Model.SQL, Body: 0}}}, nil
	default:
		return Script{}, fmt.Errorf("render %s: unknown kind %q", in.Model.Name, in.Model.Header.Kind)
	}
}
