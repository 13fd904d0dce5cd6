package dag

import (
	"context"
)

// Action is what a plan means to do with a node.
type Action string

// The actions.
const (
	Run   Action = "run"
	Check Action = "check" // run if something upstream changes in this same run, else skip
	Skip  Action = "skip"
)

// Status is how a step or a run ended. The values are what reports, the ledger and --json show.
type Status string

// The statuses. Failure is the project's own fault (its SQL, its data), Error the surroundings'.
const (
	Success        Status = "success"
	Failure        Status = "failure"
	Error          Status = "error"
	Skipped        Status = "skip"
	Timeout        Status = "timeout"
	Cancelled      Status = "cancelled"
	PartialSuccess Status = "partial_success"
)

// Bad reports whether what depends on the step must not run.
func (s Status) Bad() bool { return s != Success && s != Skipped && s != "" }

// Rows says what a step did to the rows of its relation.
type Rows struct {
	Inserted  int64 `json:"inserted"`
	Updated   int64 `json:"updated"`
	Deleted   int64 `json:"deleted"`
	Unchanged int64 `json:"unchanged"`
	Rejected  int64 `json:"rejected"`
}

// Changed is the number of rows that a reader would see differently.
func (r Rows) Changed() int64 { return r.Inserted + r.Updated + r.Deleted }

// Add returns the sum of two.
func (r Rows) Add(o Rows) Rows {
	return Rows{
		Inserted: r.Inserted + o.Inserted, Updated: r.Updated + o.Updated, Deleted: r.Deleted + o.Deleted,
		Unchanged: r.Unchanged + o.Unchanged, Rejected: r.Rejected + o.Rejected,
	}
}

// Step is one entry of a plan.
type Step struct {
	Name   string   `json:"name"`
	Kind   NodeKind `json:"kind"`
	File   string   `json:"file,omitempty"`
	Action Action   `json:"action"`
	Reason string   `json:"reason"`
	// Needs are the steps of the same plan that must have ended before this one starts.
	Needs []string `json:"needs"`
	// Watch are the steps whose changes turn Check into Run.
	Watch []string `json:"-"`
	// Gates are the assertions that this step judges before it publishes; each is a step of the plan as well.
	Gates []string `json:"gates,omitempty"`
	// Leads are assertions that are judged with this one, which they wait for: what single rows of one relation can
	// break is found in one scan of it.
	Leads []string `json:"-"`
	// Fingerprint identifies the definition that the step would build; "" when the plan had no need to know it.
	Fingerprint string `json:"fingerprint,omitempty"`

	node *Node
	// after is the step that leads this one, or "": whether it fails is nothing to this one.
	after string
	// fresh says that the node's relation is not there, as far as the plan knows.
	fresh bool
	// redefined says that what stands in the database was built from another file, or that nobody knows.
	redefined bool
	// driven says that changes upstream are the only reason to run.
	driven bool
	// widens says that the step is there for a view whose query returns all columns of what it reads: it is made again
	// where these are others now, and left alone where they are not.
	widens bool
}

// Node is the graph's node that the step acts on.
func (s Step) Node() *Node { return s.node }

// Result is how one step ended.
type Result struct {
	Status Status
	Reason string
	Rows   Rows
	// Changed says that what depends on the step has something new to read; a new definition of a view does it too.
	Changed bool
	// Judged holds the results of the step's Gates, by name.
	Judged map[string]Result
	// Err is nil unless Status is bad.
	Err error

	recorded bool // in the ledger, by the step's own transaction
}

// Executor performs one step. It is called from several goroutines at once.
type Executor interface {
	Execute(ctx context.Context, step Step) Result
}
