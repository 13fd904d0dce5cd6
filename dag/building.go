package dag

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
)

// building is one attempt at one step: one transaction. Statements whose outcome nobody asks for wait in a queue and
// travel with the next that are asked, so that a small model costs few round trips.
type building struct {
	*SQLExecutor
	step   Step
	conn   *pgx.Conn
	queued []materialize.Statement
	// final are statements that readers wait for; they go with the commit.
	final []materialize.Statement
	// existing is what stood under the node's name when the transaction began.
	existing *materialize.Relation
	oid      uint32
	opened   opened
	besides  besides
	held     int64 // rows of the relation, as far as its statistics know; where it was asked whether most of them change
	windowed bool  // only a window was computed
	// told says how much of an incremental model was recomputed, and why.
	told string
	// feeding says that others are driven by the rows that change.
	feeding bool
	// foreign says that what stands under the node's name is not terrace's, and is taken over.
	foreign bool
	// replaced says that the relation is another one now: the rows that went with the old one are not counted.
	replaced bool
	result   Result
	// verdicts are what the assertions found, in the order in which they were asked.
	verdicts []verdict
	// uncertain says that the connection was lost while the commit was under way.
	uncertain bool
	// source is the step's model as it is executed: what it reads may stand elsewhere than its file says.
	source *model.Model
	// input is what the model's script was made from.
	input materialize.Input
	// newest is the time of the newest event of a dimension's timelines, as text, nil when it is not known.
	newest *string
	// together is the run that publishes all of its steps at once, nil where each publishes for itself.
	together *Together
}

// opened is what the server said when the transaction began.
type opened struct {
	locked bool // the node's lock was taken
	// remembered is as what the node was built until then.
	remembered string
	// began is when that was, as the server writes it.
	began string
}

// besides are rows that statements wrote beside those of the result.
type besides struct {
	staged int64 // computed aside
	fed    int64 // written for those that are driven by what changes
	filed  int64 // changed in the relation of rejects
}

func (e *SQLExecutor) newBuilding(step Step) *building {
	return &building{SQLExecutor: e, step: step, source: step.node.Model, result: Result{Judged: map[string]Result{}}}
}

// run performs the step in one transaction.
func (b *building) run(ctx context.Context) error {
	conn, err := b.acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	b.conn = conn.Conn()
	if b.step.Kind == KindSQL {
		defer b.part(ctx)
	}
	defer b.rollback(ctx)
	if err := b.open(ctx, b.beginning(b.lockable())...); err != nil {
		return err
	}
	if err := b.perform(ctx); err != nil {
		return err
	}
	return b.commit(ctx)
}

// beginning begins a transaction and keeps what is read in it from being exchanged.
//
// It is repeatable read so that everything the step reads is one state of the database, and the snapshot stored with the
// result is exactly that state. LOCK TABLE comes before the first query because that is when the snapshot is taken: a
// table that was exchanged between snapshot and read would look empty. Should another run have finished the node between
// our snapshot and our lock, the row of terrace.node_state tells: changing it fails, and the step is tried again.
func (e *SQLExecutor) beginning(reads []string) []materialize.Statement {
	return append([]materialize.Statement{command("begin isolation level repeatable read")}, lockTables(reads)...)
}

// lockTables keeps relations, quoted, from being dropped or exchanged.
func lockTables(reads []string) []materialize.Statement {
	if len(reads) == 0 {
		return nil
	}
	return []materialize.Statement{command("lock table " + strings.Join(reads, ", ") + " in access share mode")}
}

// open sends the statements, the first of which begins something, takes the node's lock, and looks at what stands under the
// node's name. The session bears that name before it waits for anybody.
func (b *building) open(ctx context.Context, statements ...materialize.Statement) error {
	schema, relation, _ := strings.Cut(b.step.node.relation(), ".")
	statements = slices.Insert(statements, 1, command("set local application_name = "+materialize.Literal(applicationName(b.RunID, b.step.Name))))
	statements = append(statements,
		command(fmt.Sprintf("execute %s (%s, %s, %s, %s)", openName, materialize.Literal(b.step.Name),
			materialize.Literal(schema), materialize.Literal(relation), materialize.Literal(*b.cluster.Load()))))
	results, err := b.exec(ctx, statements...)
	if err != nil {
		return missing(fmt.Errorf("prepare %s: %w", b.step.Name, err), b.step.Name, b.step.File)
	}
	answer := results[len(results)-1].Rows[0]
	if !isTrue(answer[0]) {
		return held(ctx, b.conn, b.step.Name)
	}
	b.opened = opened{locked: true, remembered: string(answer[3]), began: string(answer[2])}
	if b.existing, b.oid, err = decodeRelation(answer[1]); err != nil {
		return err
	}
	return b.own(answer[3])
}

// relation is the name of the relation that a step on the node makes, or "".
func (n *Node) relation() string {
	switch n.Kind {
	case KindAssertion, KindStream, KindSQL:
		return ""
	default:
		return n.Name
	}
}

// applicationName is what pg_stat_activity shows: 63 bytes at most. The first digits of a run's id are its time, and two
// runs of one minute share them; the last twelve are its own.
func applicationName(run uuid.UUID, node string) string {
	id := run.String()
	return materialize.Short("terrace:" + id[len(id)-12:] + ":" + node)
}

// lockable are the relations, quoted, whose rows the step reads and that LOCK TABLE takes. Those are neither materialized
// views nor, perhaps, what others fill. For a view it names what the view reads: LOCK TABLE would follow every path
// through views of views, and their number grows beyond all bounds.
func (b *building) lockable() []string {
	n := b.step.node
	var names []string
	switch {
	case n.Kind == KindView, n.Kind == KindSQL, n.Kind == KindSeed:
		return nil
	case n.Kind == KindAssertion:
		names = n.Deps
	default:
		for _, ref := range n.Model.Header.DependsOn {
			names = append(names, ref.Name)
		}
	}
	var out []string
	for _, name := range names {
		d := b.Graph.Resolve(name)
		if d == nil || d.Kind != KindView {
			out = append(out, b.lockableNames(name)...)
			continue
		}
		behind := EffectiveDeps(b.Graph, &Node{Kind: n.Kind, Deps: d.Deps})
		out = append(out, b.lockableNames(behind...)...)
	}
	return sortedSet(out)
}

func (b *building) lockableNames(names ...string) []string {
	var out []string
	for _, name := range names {
		switch d := b.Graph.Resolve(name); {
		case d == nil, d == b.step.node, d.Kind == KindView, d.Kind == KindMaterializedView, d.Kind == KindSQL:
		case d.Stream != nil && d.Stream.External:
		default:
			out = append(out, materialize.Quote(name))
		}
	}
	return out
}

// held names who has the node's lock.
func held(ctx context.Context, db Database, node string) error {
	return Held(ctx, db, node, "terrace node "+node)
}

// Held is the *HeldError of a node whose advisory lock of that name somebody else has, or why that cannot be asked.
func Held(ctx context.Context, db Database, node, lock string) error {
	other := &HeldError{Node: node, Holder: "gone meanwhile"}
	err := db.QueryRow(ctx, holderSQL, lock).Scan(&other.Holder, &other.Session)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("name the holder of %s: %w", node, err)
	}
	return other
}

// rollback ends a transaction that was not committed; it works after ctx is over, so that no lock stays behind.
func (b *building) rollback(ctx context.Context) {
	if b.conn.PgConn().IsClosed() || b.conn.PgConn().TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	_, _ = b.conn.Exec(ctx, "rollback") // the pool throws a connection away that is still in a transaction
}

// part ends the session: statements of people may have left temporary tables, locks and prepared statements in it, which are
// nobody else's.
func (b *building) part(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	_ = b.conn.Close(ctx) // the pool makes another
}

// queue adds statements to what is sent next.
func (b *building) queue(statements ...materialize.Statement) {
	b.queued = append(b.queued, statements...)
}

// flush sends what waits and counts rows as each statement says.
func (b *building) flush(ctx context.Context) error {
	statements := b.queued
	b.queued = nil
	results, err := b.exec(ctx, statements...)
	if err != nil {
		return err
	}
	b.countAll(statements, results)
	return nil
}

// countAll counts rows as each statement says; the results may be more than theirs.
func (b *building) countAll(statements []materialize.Statement, results []*pgconn.Result) {
	for i, s := range statements {
		b.count(s.Counts, results[i].CommandTag.RowsAffected())
	}
}

// exec sends statements as one and returns their results, as text.
func (b *building) exec(ctx context.Context, statements ...materialize.Statement) ([]*pgconn.Result, error) {
	results, failed, err := b.send(ctx, statements)
	if err != nil {
		return nil, b.locate(err, statements[failed])
	}
	return results, nil
}

// send is exec; with an error it tells which statement failed. Each is asked once, so no plan of it is kept.
func (b *building) send(ctx context.Context, statements []materialize.Statement) (results []*pgconn.Result, failed int, err error) {
	if len(statements) == 0 {
		return nil, 0, nil
	}
	batch := &pgconn.Batch{}
	for _, s := range statements {
		batch.ExecParams(s.SQL, nil, nil, nil, nil)
	}
	if b.Statements != nil {
		b.Statements.Add(int64(len(statements))) // ExecBatch passes by what counts for the connection
	}
	results, err = b.conn.PgConn().ExecBatch(ctx, batch).ReadAll()
	for i, r := range results {
		if r.Err != nil {
			return nil, i, r.Err
		}
	}
	return results, min(len(results), len(statements)-1), err
}

func (b *building) count(counter materialize.Counter, rows int64) {
	switch counter {
	case materialize.Inserted:
		b.result.Rows.Inserted += rows
	case materialize.Updated:
		b.result.Rows.Updated += rows
	case materialize.Deleted:
		b.result.Rows.Deleted += rows
	case materialize.Staged:
		b.besides.staged += rows
	case materialize.Fed:
		b.besides.fed += rows
	case materialize.Rejected:
		b.result.Rows.Rejected += rows
		b.besides.staged -= rows
	case materialize.Filed:
		b.besides.filed += rows
	}
}

func (b *building) locate(err error, s materialize.Statement) error {
	if m := b.source; m != nil {
		return tooLong(locateIn(err, m, s), m)
	}
	return locate(err, b.step.File, 1, s)
}

// raced reports whether an error says that another run made the relation since our snapshot was taken.
func (b *building) raced(err error) bool {
	return b.existing == nil && b.step.node.relation() != "" && alreadyThere(err)
}

// overtaken reports whether another run has built the node since our snapshot was taken: it let go of the lock just before we
// took it. What we were about to write it may have written, so that any error can come of it, as that of a key which is there.
func (b *building) overtaken(ctx context.Context) bool {
	if !b.opened.locked || b.together != nil { // such a run has the locks before its snapshot
		return false
	}
	var now string
	err := b.Pool.QueryRow(ctx, "select coalesce(("+rememberedSQL+")::text, '')", b.step.Name, *b.cluster.Load()).Scan(&now)
	return err == nil && now != b.opened.remembered
}

// endedFromHere says why a statement was ended when that was our doing: the server knows only that a client asked.
func (b *building) endedFromHere(ctx context.Context, err error) error {
	if ctx.Err() == nil || sqlState(err) != "57014" && !errors.Is(err, ctx.Err()) {
		return err
	}
	var fault StepFault
	if known := (*StepError)(nil); errors.As(err, &known) {
		fault = known.StepFault
	}
	fault.Message, fault.Hint = "ended with the run, before it was done", ""
	if cause := context.Cause(ctx); errors.Is(cause, context.DeadlineExceeded) {
		fault.Message += ": " + cause.Error()
	}
	if m := b.step.node.Model; m != nil && context.Cause(ctx) == context.DeadlineExceeded { //nolint:errorlint // what wraps it is the limit of something larger
		fault.Message = fmt.Sprintf("took longer than its timeout, %s", m.Header.Timeout)
		fault.Hint = "Give it more time in its header, timeout: PT1H for one; terrace show " + b.step.Name + " says what is executed."
		fault.File = m.File
	}
	return &StepError{StepFault: fault, err: err}
}

// failed is the result of a step that did not succeed.
func (b *building) failed(ctx context.Context, err error) Result {
	result := b.result
	result.Status, result.Err, result.Rows, result.Changed = statusOf(ctx, err), b.endedFromHere(ctx, b.advised(ctx, err)), Rows{}, false
	result.recorded = false
	var data *DataError
	if errors.As(err, &data) {
		if b.step.Kind != KindAssertion {
			result.Reason = "previous content kept"
			if b.existing == nil {
				result.Reason = "not published"
			}
		}
		if b.together != nil { // they are kept when it is known whether all is published
			return result
		}
		if err := b.recordJudgements(ctx, b.verdicts); err != nil {
			result.Err = errors.Join(result.Err, err)
		}
	}
	return result
}
