package site

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/model"
)

// Source is where pages get what they show. Its methods are called by several goroutines at once.
type Source interface {
	// Project is the project as its files are now, or were when they could last be read.
	Project(ctx context.Context) (*Project, error)
	// Read calls look within a transaction that reads only and is bounded in time.
	Read(ctx context.Context, look func(pgx.Tx) error) error
	// Quality is the quality report.
	Quality(ctx context.Context, tx pgx.Tx) (Quality, error)
	// Streams are the streams with their cut-offs.
	Streams(ctx context.Context) ([]Stream, error)
	// Redact takes secrets out of a text.
	Redact(text string) string
}

// Project is what pages show of a project's files. It is not changed after it was given to a Source's caller.
type Project struct {
	Name string
	// Zone is the one in which times are shown.
	Zone *time.Location
	// Environment is the one that is worked in, "" for production.
	Environment string
	// Nodes are streams, seeds and models, sorted by name.
	Nodes []Node
	// Assertions are sorted by name.
	Assertions []Assertion
	Figures    []Figure
	// Problem says why the files as they are now cannot be shown, or "".
	Problem string
	// Trace follows a node, or one of its columns, in both directions. It may be called by several goroutines at once.
	Trace func(node, column string) (upstream, downstream *dag.Traced)
}

// Node is a stream, seed or model. Its JSON is what terrace docs prints.
type Node struct {
	Name        string         `json:"name"`
	Kind        dag.NodeKind   `json:"kind"`
	File        string         `json:"file"`
	Description string         `json:"description"`
	Owner       string         `json:"owner,omitempty"`
	Tags        []string       `json:"tags"`
	Key         []string       `json:"key"`
	DependsOn   []string       `json:"depends_on"`
	ReadBy      []string       `json:"read_by"`
	Columns     []Column       `json:"columns"`
	Assertions  []Rule         `json:"assertions"`
	SQL         string         `json:"sql,omitempty"`
	Meta        map[string]any `json:"meta,omitempty"`
	// Source is what a stream is read from, "" for anything else.
	Source string `json:"-"`
	// Header is the header as it is written, without its marks.
	Header string `json:"-"`
}

// Domain is the system that the node belongs to.
func (n *Node) Domain() string { return domainOf(n.File) }

// Column is a column with what it is made from, one step up.
type Column struct {
	Name        string   `json:"name"`
	Type        string   `json:"type"`
	Description string   `json:"description"`
	From        []string `json:"from"`
	// Unknown says that it may be made from more.
	Unknown bool `json:"unknown,omitempty"`
}

// Rule is an assertion that judges a node.
type Rule struct {
	Name        string         `json:"name"`
	Severity    model.Severity `json:"severity"`
	Description string         `json:"description,omitempty"`
}

// Assertion is an assertion of a header or of a file.
type Assertion struct {
	Rule
	File string
	On   []string
	SQL  string
}

// Figure is a figure of a model's header.
type Figure struct {
	model.Figure
	Model  string
	Domain string
}

// Quality is the quality report. Its JSON is what terrace quality prints.
type Quality struct {
	Status     string     `json:"status"` // fail when an assertion of severity error failed last, else incomplete when one was never judged, else pass
	Assertions []Verdict  `json:"assertions"`
	Rejects    []Rejected `json:"rejects"`
	// Reports are the figures that stand on the quality page.
	Reports []Report `json:"reports,omitempty"`
}

// Verdict is what an assertion found when it was judged last.
type Verdict struct {
	Name     string         `json:"name"`
	On       []string       `json:"on"`
	Severity model.Severity `json:"severity"`
	// Status is pass, warn, fail or error, or "never" where it was not judged yet.
	Status string `json:"status"`
	dag.LastJudgement
}

// Bad reports whether what it found is not well.
func (v Verdict) Bad() bool { return v.Status == "fail" || v.Status == "error" }

// Rejected counts what was kept out: records that could not be landed, rows that break a rule of a model.
type Rejected struct {
	Node  string `json:"node"`
	Count int64  `json:"count"`
}

// Report is a relation that compares, as data.
type Report struct {
	Model string `json:"model"`
	Title string `json:"title"`
	// Rows are all of them, as objects by column.
	Rows []json.RawMessage `json:"rows"`
	// Differing counts the rows that are not as they should be; 0 where the figure does not say which are.
	Differing int `json:"differing"`
}

// StreamState says whether a stream is as it should be.
type StreamState string

// The states of streams.
const (
	StreamOK      StreamState = "ok"
	StreamFailing StreamState = "failing" // what was asked last was not answered: credentials, network, content; or its table is gone
	StreamQuiet   StreamState = "quiet"   // it is read to its end, and brings nothing new for longer than it used to
	StreamUnread  StreamState = "unread"  // nothing of it has been read to its end
)

// Stream is a stream's cut-off. Its JSON is what terrace status prints.
type Stream struct {
	Stream     string      `json:"stream"`
	Variant    string      `json:"variant,omitempty"`
	State      StreamState `json:"state"`
	Why        string      `json:"why,omitempty"`
	AskedUpTo  *time.Time  `json:"asked_up_to"`
	LandedUpTo *time.Time  `json:"landed_up_to"`
	ResumeFrom *time.Time  `json:"resume_from"`
	LandedAt   *time.Time  `json:"landed_at"`
	LastChange *time.Time  `json:"last_change"`
	LastRead   *time.Time  `json:"last_read"`
	Records    int64       `json:"records"`
	Open       int64       `json:"open_slices"`
	Failed     int64       `json:"failed_slices"`
	Rejected   int64       `json:"rejected"`
}
