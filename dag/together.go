package dag

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
)

// Together performs the steps of a run in one transaction, so that all that they build becomes visible at once or not
// at all. It is used by one goroutine, and once: docs/decisions/0008 says why there is one connection.
//
// What readers can be kept waiting for is put off until the end: relations that are exchanged and views that are replaced
// stay in terrace_stage, complete, and the steps that come after read them there.
type Together struct {
	*SQLExecutor
	// steps are those that may have to run; their nodes are locked and what they read is kept from being exchanged.
	steps []Step

	// rehearsal, when set, prepares the transaction for steps that nobody will see: then nothing has to be put off.
	rehearsal func(context.Context) error

	conn *pgxpool.Conn
	// names has where the new content of a relation is, quoted, and "" for views that read nothing of that kind.
	names map[string]string
	// stood are the keys of names, in the order in which they came.
	stood []string
	// views are the staged views, quoted, each after those that it reads.
	views []string
	later []deferred
	// verdicts are what assertions found, of content that nobody has seen.
	verdicts []verdict
	// built are the names of the steps that succeeded, in order.
	built []string
	// broken is why nothing further can be done in the transaction.
	broken error
	// committed says that all is visible; uncertain that the connection was lost before the server could say so.
	committed, uncertain bool
}

// deferred is a publish that waits for the end of the run.
type deferred struct {
	b       *building
	publish []materialize.Statement
}

func newTogether(e *SQLExecutor, steps []Step) *Together {
	t := &Together{SQLExecutor: e, names: map[string]string{}}
	for _, s := range steps {
		if s.Action != Skip && s.Kind != KindStream {
			t.steps = append(t.steps, s)
		}
	}
	return t
}

// Execute implements Executor. The first step opens the transaction.
func (t *Together) Execute(ctx context.Context, step Step) Result {
	ctx, cancel := step.limited(ctx)
	defer cancel()
	b := t.newBuilding(step)
	b.together = t
	t.broken = errUnended
	err := t.begin(ctx)
	if err != nil {
		t.broken = err
		return b.failed(ctx, err)
	}
	b.conn = t.conn.Conn()
	err = t.step(ctx, b)
	t.verdicts = append(t.verdicts, b.verdicts...)
	if err == nil {
		t.broken = nil
		t.built = append(t.built, step.Name)
		return b.result
	}
	if !Retryable(err) && !b.raced(err) && t.broken == errUnended {
		t.broken = nil
	}
	if t.broken == errUnended {
		t.broken = err
	}
	return b.failed(ctx, err)
}

// Bundles implements Bundler: all steps share one transaction as it is.
func (t *Together) Bundles(Step) bool { return false }

// AllNodes is what the session is named after, in a node's place, that locks all nodes of a run and what they read.
const AllNodes = "together"

// errUnended stands while a step is under way, so that nothing is done after one that panicked.
var errUnended = errors.New("the step did not end")

// begin takes the locks of all nodes, in the session, and then the one snapshot that all steps read.
func (t *Together) begin(ctx context.Context) error {
	if t.conn != nil {
		return nil
	}
	conn, err := t.acquire(ctx)
	if err != nil {
		return err
	}
	t.conn = conn
	if err := t.lock(ctx); err != nil {
		return err
	}
	var reads []string
	for _, s := range t.steps {
		reads = append(reads, t.newBuilding(s).lockable()...)
	}
	// What the run itself makes is not there yet.
	there, err := texts(ctx, conn.Conn(), "select r from unnest($1::text[]) as r where to_regclass(r) is not null order by r", sortedSet(reads))
	if err != nil {
		return fmt.Errorf("look for what is read: %w", err)
	}
	for _, s := range t.beginning(there) {
		if _, err := conn.Exec(ctx, s.SQL); err != nil {
			return fmt.Errorf("begin: %w", err)
		}
	}
	if t.rehearsal != nil {
		return t.rehearsal(ctx)
	}
	return nil
}

// putsOff reports whether a step has to leave what readers would wait for to the end of the run.
func (b *building) putsOff() bool { return b.together != nil && b.together.rehearsal == nil }

// rehearses reports whether all that stands under the step's name was made by the transaction itself.
func (b *building) rehearses() bool { return b.together != nil && b.together.rehearsal != nil }

// lock takes the locks of all nodes. Where one is not free it takes them by name, so that two such runs cannot wait for
// one another.
func (t *Together) lock(ctx context.Context) error {
	conn := t.conn.Conn()
	if _, err := conn.Exec(ctx, "select set_config('application_name', $1, false)", applicationName(t.RunID, AllNodes)); err != nil {
		return fmt.Errorf("name the session: %w", err)
	}
	if err := t.room(ctx); err != nil {
		return err
	}
	names := make([]string, len(t.steps))
	for i, s := range t.steps {
		names[i] = s.Name
	}
	slices.Sort(names)
	var free bool
	err := conn.QueryRow(ctx, "select coalesce(bool_and(pg_try_advisory_lock("+strings.ReplaceAll(lockKey, "$1", "n")+")), true) from unnest($1::text[]) as n", names).Scan(&free)
	if err != nil || free {
		return wrap("lock the nodes", err)
	}
	if _, err := conn.Exec(ctx, "select pg_advisory_unlock_all()"); err != nil {
		return fmt.Errorf("unlock the nodes: %w", err)
	}
	for _, name := range names {
		if err := t.lockNode(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

//go:embed sql/lock_room.sql
var lockRoomSQL string

// room refuses what would fail after hours: the server's table of locks has a fixed size, and a transaction keeps all of
// its locks until its end. The estimate is low, so that nothing is refused that could work.
func (t *Together) room(ctx context.Context) error {
	needed := 0
	for _, s := range t.steps {
		needed += s.locks()
	}
	var room, setting, sessions int
	if err := t.conn.QueryRow(ctx, lockRoomSQL).Scan(&room, &setting, &sessions); err != nil {
		return fmt.Errorf("ask for the number of locks: %w", err)
	}
	if needed <= room {
		return nil
	}
	wanted := setting + (needed-room+sessions-1)/sessions
	return &StepError{StepFault: StepFault{
		Message: fmt.Sprintf("%d steps in one transaction take %d locks or more, and the server has room for %d", len(t.steps), needed, room),
		Hint: fmt.Sprintf("Raise max_locks_per_transaction of the server from %d to %d or more and restart it; or publish fewer steps together: select them, or leave --publish together out.",
			setting, wanted+wanted/2),
	}}
}

// locks is how many locks a step takes at least that last until the end of its transaction: that of its node; those of its
// relation, of what holds its large values and of its key; and as many of what takes the relation's place, or of the
// temporary table with its new rows.
func (s Step) locks() int {
	switch {
	case s.Kind == KindAssertion, s.Kind == KindSQL:
		return 1
	case s.Kind == KindView && s.fresh:
		return 2
	case s.Kind == KindView:
		return 3
	case s.fresh:
		return 3
	default:
		return 5
	}
}

func (t *Together) lockNode(ctx context.Context, name string) error {
	conn := t.conn.Conn()
	for attempt := 1; ; attempt++ {
		var free bool
		if err := conn.QueryRow(ctx, "select pg_try_advisory_lock("+lockKey+")", name).Scan(&free); err != nil || free {
			return wrap("lock "+name, err)
		}
		var other *HeldError
		if err := held(ctx, conn, name); !errors.As(err, &other) || !t.Wait {
			return err
		}
		if attempt < patience {
			_ = pause(ctx, firstPause*2) // the next attempt says why it cannot be made
			continue
		}
		t.tell(other)
		_, err := conn.Exec(ctx, "select pg_advisory_lock("+lockKey+")", name)
		return wrap("wait for "+name, err)
	}
}

// step performs one step in a savepoint: when it fails, the transaction is as if it had not been tried.
func (t *Together) step(ctx context.Context, b *building) error {
	stood, views, later := len(t.stood), len(t.views), len(t.later)
	// What the step reads is locked already, or made by the run: here it is found out what is missing.
	err := b.open(ctx, append([]materialize.Statement{command("savepoint step")}, lockTables(b.lockable())...)...)
	if err == nil {
		err = b.perform(ctx)
	}
	if err == nil {
		err = t.conclude(ctx, b)
	}
	if err == nil {
		return nil
	}
	for _, name := range t.stood[stood:] {
		delete(t.names, name)
	}
	t.stood, t.views, t.later = t.stood[:stood], t.views[:views], t.later[:later]
	b.queued = nil
	back, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if _, undo := b.conn.Exec(back, "rollback to savepoint step; release savepoint step"); undo != nil {
		t.broken = errors.Join(err, undo) // whether it passes is the first one's to say
	}
	return err
}

// conclude writes the step down and leaves nothing that the next one would stumble over. What a commit would check is
// checked now, when it is known whose it is; rolling back makes deferrable constraints deferred again.
func (t *Together) conclude(ctx context.Context, b *building) error {
	records, err := b.records()
	if err != nil {
		return err
	}
	b.queue(records...)
	b.queue(
		command("savepoint constraints"), command("set constraints all immediate"), command("rollback to savepoint constraints"),
		command("discard temporary"), command("release savepoint step"))
	b.result.recorded = true
	return b.flush(ctx)
}

// defers puts a script's publish off: until then the content is read where it is.
func (t *Together) defers(ctx context.Context, b *building, s materialize.Script) error {
	if err := b.flush(ctx); err != nil {
		return err
	}
	t.stand(b.step.Name, s.Aside)
	if b.step.Kind == KindView {
		t.views = append(t.views, s.Aside)
	}
	t.later = append(t.later, deferred{b, s.Publish})
	return nil
}

// stand notes where the new content of a relation is.
func (t *Together) stand(relation, where string) {
	t.names[relation] = where
	t.stood = append(t.stood, relation)
}

// standIns adds to names, for the relations that stand elsewhere until the run is published, where.
func (t *Together) standIns(ctx context.Context, names map[string]string, relations []string) error {
	for _, relation := range relations {
		name, err := t.standIn(ctx, relation)
		if err != nil {
			return err
		}
		if name != "" {
			names[relation] = name
		}
	}
	return nil
}

// standIn is where the new content of a relation is, "" where it has its own name. A view that the run does not build
// and that reads what stands elsewhere gets a staged twin that reads it there.
func (t *Together) standIn(ctx context.Context, relation string) (string, error) {
	if name, known := t.names[relation]; known {
		return name, nil
	}
	n := t.Graph.Node(relation)
	if n == nil || n.Kind != KindView {
		return "", nil
	}
	m, err := t.repointed(ctx, n)
	if err != nil {
		return "", err
	}
	if m == n.Model {
		t.stand(relation, "")
		return "", nil
	}
	twin := materialize.StageOf(relation)
	if _, err := t.conn.Exec(ctx, "create view "+twin+" as\n"+m.SQL); err != nil {
		return "", fmt.Errorf("stage view %s: %w", relation, err)
	}
	t.stand(relation, twin)
	t.views = append(t.views, twin)
	return twin, nil
}

// repointed is a node's model as it reads the new content of what the run has built.
func (t *Together) repointed(ctx context.Context, n *Node) (*model.Model, error) {
	names := map[string]string{}
	for _, ref := range n.Model.Header.DependsOn {
		if err := t.standIns(ctx, names, []string{ref.Name}); err != nil {
			return nil, err
		}
	}
	return n.Model.Repointed(names)
}

// repoint lets the step read what the run has built and not published.
func (b *building) repoint(ctx context.Context) error {
	if b.together == nil || b.step.Kind == KindAssertion || b.source == nil {
		return nil
	}
	m, err := b.together.repointed(ctx, b.step.node)
	if err != nil {
		return err
	}
	if m != b.source && b.step.Kind == KindMaterializedView {
		return &StepError{StepFault: StepFault{
			Message: b.step.Name + " is a materialized view over what this run replaces and has not published yet",
			Hint:    "Publish what it reads first, without --publish together; or make it a table.",
			File:    b.step.File, Line: 1, Column: 1,
		}}
	}
	b.source = m
	return nil
}

// publish makes everything visible. On an error it returns the step that is to blame, and nothing is visible.
func (t *Together) publish(ctx context.Context) (string, error) {
	if t.conn == nil || len(t.built) == 0 {
		t.committed = true
		return "", nil
	}
	for attempt := 1; ; attempt++ {
		blame, err := t.exchange(ctx)
		if err == nil {
			t.committed, t.verdicts = true, nil
			return "", nil
		}
		t.uncertain = sqlState(err) == ""
		if sqlState(err) != lockTimedOut || attempt == t.tries() {
			return blame, t.blamed(blame).gaveUp(ctx, t.conn.Conn(), err)
		}
		var relations []string
		for _, d := range t.later {
			relations = append(relations, d.b.vacuumable()...)
		}
		if err := giveWay(ctx, t.conn.Conn(), attempt, relations); err != nil {
			return blame, fmt.Errorf("give way to readers of %s: %w", blame, err)
		}
	}
}

// exchange executes what was put off, and commits, in one message: nobody who waits for a relation waits for us. Every
// statement of it is short: the contents are there.
func (t *Together) exchange(ctx context.Context) (string, error) {
	last := t.blamed(t.built[len(t.built)-1])
	last.conn = t.conn.Conn()
	var statements []materialize.Statement
	whose := map[string]*building{} // by statement; views are dropped by nobody's fault
	for _, view := range slices.Backward(t.views) {
		statements = append(statements, command("drop view "+view))
	}
	var names []string
	for _, d := range t.later {
		for _, s := range d.publish {
			whose[s.SQL] = d.b
		}
		statements = append(statements, d.publish...)
		names = append(names, d.b.step.Name)
		names = append(names, d.b.remade()...)
	}
	if len(statements) > 0 {
		statements = append(bounded(statements), remembering(sortedSet(names))...)
	}
	statements = append(statements, command("commit"))
	_, failed, err := last.send(ctx, statements)
	if err == nil {
		return "", nil
	}
	blamed := cmp.Or(whose[statements[failed].SQL], last)
	return blamed.step.Name, blamed.locate(err, statements[failed])
}

// blamed stands for a step that something is said of.
func (t *Together) blamed(name string) *building {
	return t.newBuilding(t.steps[slices.IndexFunc(t.steps, func(s Step) bool { return s.Name == name })])
}

// end gives the connection back, the transaction undone if it is still open, and keeps what assertions found in it. The
// session ends, and its locks with it.
func (t *Together) end(ctx context.Context) error {
	if t.conn != nil {
		bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		conn := t.conn.Conn()
		free := "select pg_advisory_unlock_all()"
		if conn.PgConn().TxStatus() != 'I' {
			free = "rollback; " + free
		}
		_, _ = conn.Exec(bye, free) // whoever comes next finds the nodes free
		_ = conn.Close(bye)         // the server undoes what is open, now or when it sees that we are gone
		t.conn.Release()
		t.conn = nil
	}
	return t.recordJudgements(ctx, t.verdicts)
}
