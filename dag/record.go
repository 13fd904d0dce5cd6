package dag

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
)

var (
	//go:embed sql/record_step.sql
	recordStepSQL string
	//go:embed sql/record_verdict.sql
	recordVerdictSQL string
)

// made is what a node was made from.
type made struct {
	File        string   `json:"file"`
	FileHash    string   `json:"file_hash"`
	Fingerprint string   `json:"fingerprint"`
	DependsOn   []string `json:"depends_on"`
	// Cluster is where the snapshot means something.
	Cluster string `json:"cluster"`
	// Environment is what the node was built for, "" for production.
	Environment string `json:"environment"`
}

func (e *SQLExecutor) madeFrom(n *Node) (made, error) {
	fingerprint, err := e.Fingerprint(n)
	if err != nil {
		return made{}, fmt.Errorf("fingerprint %s: %w", n.Name, err)
	}
	return made{
		File: n.File, FileHash: e.Sources(n), Fingerprint: fingerprint, DependsOn: EffectiveDeps(e.Graph, n),
		Cluster: *e.cluster.Load(), Environment: e.Environment,
	}, nil
}

// commit writes, in the step's own transaction, what it did and what its content was made from, and ends it. What waits
// goes before that, in the same message.
func (b *building) commit(ctx context.Context) error {
	ending, err := b.records()
	if err != nil {
		return err
	}
	ending = append(ending, command("commit"))
	b.result.recorded = true
	if len(b.final) > 0 {
		err = b.patiently(ctx, b.final, ending...)
	} else {
		b.queue(ending...)
		err = b.flush(ctx)
	}
	if err != nil {
		b.uncertain = sqlState(err) == ""
		return fmt.Errorf("commit %s: %w", b.step.Name, err)
	}
	return nil
}

// records are the statements that write the step down.
func (b *building) records() ([]materialize.Statement, error) {
	step, err := recordSteps(b)
	if err != nil {
		return nil, err
	}
	out := []materialize.Statement{step}
	if b.windowed {
		// Outside the window nothing was looked at, so what is remembered stays. The lock finds out whether another
		// run has changed it since our snapshot.
		out = append(out, command("select from terrace.node_state as s where s.node = "+materialize.Literal(b.step.Name)+" for update"))
	}
	for _, v := range b.verdicts {
		record, err := b.verdictRecord(v, !b.windowed)
		if err != nil {
			return nil, err
		}
		statement, err := executing(recordVerdictName, record)
		if err != nil {
			return nil, err
		}
		out = append(out, statement)
	}
	return out, nil
}

// stepRecord is recordStepSQL's row.
type stepRecord struct {
	made
	Rows
	RunID   uuid.UUID `json:"run_id"`
	Node    string    `json:"node"`
	Kind    NodeKind  `json:"kind"`
	Status  Status    `json:"status"`
	Reason  string    `json:"reason"`
	Changed bool      `json:"changed"`
	Made    bool      `json:"made"`
	Whole   bool      `json:"whole"`
	// NewestEvent is of a dimension's timelines, nil when it is not known.
	NewestEvent *string `json:"newest_event"`
	// Began is when the transaction's steps began, as the server writes it; Place, from 0, and Steps say which of how many
	// it is that share the time since then.
	Began string `json:"began"`
	Place int    `json:"place"`
	Steps int    `json:"steps"`
}

// recordSteps is the statement that writes the steps of one transaction down, in their order.
func recordSteps(steps ...*building) (materialize.Statement, error) {
	records := make([]stepRecord, len(steps))
	for i, b := range steps {
		n, r := b.step.node, b.result
		records[i] = stepRecord{
			Rows: r.Rows, RunID: b.RunID, Node: n.Name, Kind: n.Kind, Status: r.Status, Reason: r.Reason,
			Changed: r.Changed, Made: n.Kind != KindAssertion && !b.windowed, Whole: !b.fed(), NewestEvent: b.newest,
			Began: b.opened.began, Place: i, Steps: len(steps),
		}
		if !records[i].Made {
			continue
		}
		var err error
		if records[i].made, err = b.madeFrom(n); err != nil {
			return materialize.Statement{}, err
		}
		if b.cutByWindow() {
			records[i].FileHash, records[i].Fingerprint = "", ofWindow
		}
	}
	return executing(recordStepName, records)
}

// ofWindow stands for the fingerprint of content that a window cut: whatever comes without the window is something else.
const ofWindow = "window"

var asksForWindow = regexp.MustCompile(`\bwindow_(start|end)\b`)

// cutByWindow reports whether the step's query, or a view that it reads, asked for the window that the run was given. A
// statement of kind sql says by itself what of its target it replaces.
func (b *building) cutByWindow() bool {
	n := b.step.node
	if !b.Windowed || n.Model == nil || n.Kind == KindSQL || n.Kind == KindView {
		return false
	}
	text := n.Model.SQL + conditionsOf(n.Model)
	for _, dep := range EffectiveDeps(b.Graph, n) {
		if d := b.Graph.Node(dep); d.Kind == KindView {
			text += d.Model.SQL
		}
	}
	return asksForWindow.MatchString(text)
}

// verdictRecord is recordVerdictSQL's row.
type verdictRecord struct {
	made
	RunID     uuid.UUID       `json:"run_id"`
	Assertion string          `json:"assertion"`
	Judged    string          `json:"judged"`
	Severity  model.Severity  `json:"severity"`
	Status    string          `json:"status"`
	Failing   int64           `json:"failing"`
	Samples   json.RawMessage `json:"samples,omitempty"`
	Message   string          `json:"message"`
	Seconds   float64         `json:"seconds"`
	Passed    bool            `json:"passed"`
	// Keep leaves the assertion's state: what it passed on was not published, and what it once passed on still stands.
	Keep bool `json:"keep"`
}

func (e *SQLExecutor) verdictRecord(v verdict, published bool) (verdictRecord, error) {
	record := verdictRecord{
		RunID: e.RunID, Assertion: v.node.Name, Severity: v.node.Severity(), Status: v.status,
		Failing: v.failing, Samples: v.rows, Message: v.message, Seconds: v.seconds, Passed: published && v.status == "pass",
	}
	if len(v.node.On) > 0 {
		record.Judged = v.node.On[0]
	}
	var err error
	if record.Passed {
		record.made, err = e.madeFrom(v.node)
	}
	return record, err
}

// The names of statements that every step executes. They are prepared once for each connection.
const (
	openName          = "terrace_open"
	openBundleName    = "terrace_open_bundle"
	recordStepName    = "terrace_record_step"
	recordVerdictName = "terrace_record_verdict"
)

// executing executes a prepared statement with one value as JSON.
func executing(name string, value any) (materialize.Statement, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return materialize.Statement{}, fmt.Errorf("encode the record: %w", err)
	}
	return command("execute " + name + " (" + materialize.Literal(string(text)) + ")"), nil
}

// acquire takes a connection of the pool, prepared. Whoever takes it releases it.
func (e *SQLExecutor) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	conn, err := e.Pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if err := e.prepare(ctx, conn.Conn()); err != nil {
		conn.Release()
		return nil, err
	}
	return conn, nil
}

// prepare is free where it has been done on the connection before. It also asks once in which cluster this is, for which
// the server reads a file, and whether it has Citus.
func (e *SQLExecutor) prepare(ctx context.Context, conn *pgx.Conn) error {
	if e.cluster.Load() == nil {
		var id string
		var citus bool
		if err := conn.QueryRow(ctx, "select system_identifier::text, "+hasCitus+" from pg_control_system()").Scan(&id, &citus); err != nil {
			return fmt.Errorf("identify the cluster: %w", err)
		}
		e.citus.Store(citus)
		e.cluster.Store(&id)
	}
	for name, sql := range map[string]string{openName: openSQL, openBundleName: openBundleSQL, recordStepName: recordStepSQL, recordVerdictName: recordVerdictSQL} {
		if _, err := conn.Prepare(ctx, name, sql); err != nil {
			return fmt.Errorf("prepare %s: %w", name, err)
		}
	}
	return nil
}

// recordJudgements keeps what the assertions found although the step's transaction is undone. None of them counts as
// passed: what they judged was never published.
func (e *SQLExecutor) recordJudgements(ctx context.Context, verdicts []verdict) error {
	if len(verdicts) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	batch := &pgx.Batch{}
	for _, v := range verdicts {
		record, err := e.verdictRecord(v, false)
		if err != nil {
			return err
		}
		record.Keep = v.status == "pass"
		text, err := json.Marshal(record)
		if err != nil {
			return fmt.Errorf("encode the record: %w", err)
		}
		batch.Queue(recordVerdictSQL, string(text))
	}
	return e.Pool.SendBatch(ctx, batch).Close()
}
