package dag

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
)

func (b *building) perform(ctx context.Context) error {
	if err := b.repoint(ctx); err != nil {
		return err
	}
	b.mayCollate(b.source)
	switch b.step.Kind {
	case KindAssertion:
		return b.judgeAlone(ctx)
	case KindSeed:
		return b.seed(ctx, *b.step.node.Seed)
	case KindSQL:
		return b.statements(ctx, b.source)
	default:
		return b.model(ctx, b.source)
	}
}

// model builds, checks, judges and publishes.
func (b *building) model(ctx context.Context, m *model.Model) error {
	in := materialize.Input{
		Model:       b.rehearsed(m),
		Existing:    b.existing,
		Windowed:    b.Windowed && m.Header.Window != "" && m.Header.Kind == model.Incremental && !b.FullRefresh,
		FullRefresh: b.FullRefresh,
		Foreign:     b.foreign,
		Redefined:   b.step.redefined || b.foreign,
		Gated:       len(b.step.Gates) > 0,
		Aside:       b.putsOff() && !b.unread(m),
		Citus:       b.citus.Load() && !b.rehearses(),
	}
	if b.existing != nil || m.Header.Kind == model.SCD2 || m.Header.PartitionBy != nil || m.Header.Distribute != nil || len(m.Header.Columns) > 0 || len(m.Header.Key) > 0 || len(m.Header.Rejects) > 0 {
		var err error
		if in.Columns, err = describe(ctx, b.conn, &b.types, m); err != nil {
			return err
		}
		if err := b.checkContract(ctx, m, in.Columns); err != nil {
			return err
		}
		if err := b.checkOrder(ctx, m, in.Columns); err != nil {
			return err
		}
		if in.Domains, err = domainsOf(ctx, b.conn, &b.types, m.SQL, in.Columns); err != nil {
			return locateIn(err, m, materialize.Statement{SQL: m.SQL})
		}
		if b.existing != nil || m.Header.Kind == model.SCD2 {
			if in.Collations, err = b.collationsOf(ctx, m.SQL, in.Columns); err != nil {
				return locateIn(err, m, materialize.Statement{SQL: m.SQL})
			}
		}
	}
	if b.step.widens && b.existing != nil && b.existing.Kind == materialize.IsView && slices.Equal(b.existing.Columns, in.Columns) {
		b.result.Status, b.result.Reason = Skipped, unchanged // and has seen what changed
		return nil
	}
	if err := distributed(ctx, b.conn, &in, b.oid); err != nil {
		return err
	}
	if err := b.rejects(ctx, m, &in); err != nil {
		return err
	}
	if err := b.drive(ctx, &in); err != nil {
		return err
	}
	if err := b.feed(ctx, &in); err != nil {
		return err
	}
	script, err := b.render(ctx, materialize.Word(m), func() (materialize.Script, error) { return b.renderModel(in) })
	if err != nil {
		return err
	}
	b.windowed = in.Windowed && b.existing != nil && !script.Replaces // what is replaced is whole
	b.input = in
	if err := b.execute(ctx, script, nil); err != nil {
		return err
	}
	b.succeeded(b.result.Rows.Changed()+b.besides.filed > 0 || m.Header.Kind == model.View || m.Header.Kind == model.MaterializedView)
	return nil
}

// rehearsed is a model as a rehearsal builds it: a dimension begins with a plain copy of its rows there.
func (b *building) rehearsed(m *model.Model) *model.Model {
	if !b.rehearses() || m.Header.Kind != model.SCD2 || m.Header.PartitionBy == nil {
		return m
	}
	plain := *m
	plain.Header.PartitionBy = nil
	return &plain
}

// unread reports whether the model becomes a new view of published relations, which nobody can read before the commit.
func (b *building) unread(m *model.Model) bool {
	return b.step.Kind == KindView && b.existing == nil && m == b.step.node.Model
}

// renderModel renders a view that reads staged relations twice: what is judged reads them, what is published does not.
func (b *building) renderModel(in materialize.Input) (materialize.Script, error) {
	script, err := materialize.Render(in)
	if err != nil || in.Model == b.step.node.Model || b.step.Kind != KindView {
		return script, err
	}
	in.Model = b.step.node.Model
	published, err := materialize.Render(in)
	script.Publish = published.Publish
	return script, err
}

// rejects looks for the relation of rows that the model's rules reject.
func (b *building) rejects(ctx context.Context, m *model.Model, in *materialize.Input) error {
	none := len(m.Header.Rejects) == 0
	if none && (b.existing == nil || !b.step.redefined) {
		return nil // rules that left are a change of the file
	}
	name := materialize.RejectsName(m.Relation)
	there, oid, err := inspect(ctx, b.conn, m.Schema, name)
	if err != nil || there == nil {
		return err
	}
	made := there.Kind == materialize.IsTable && slices.Equal(there.Columns, materialize.RejectColumns)
	if none {
		in.StaleRejects = made
		if !made {
			return nil
		}
		return b.unreadRejects(ctx, m.Schema+"."+name, oid)
	}
	in.HasRejects = true
	if made {
		return nil
	}
	return &StepError{StepFault: StepFault{
		Message: fmt.Sprintf("%s.%s is there already, a %s that terrace did not make", m.Schema, name, there.Kind),
		Hint:    rejectsTaken,
		File:    m.File, Line: m.Header.Rejects[0].Line, Column: 1,
	}}
}

// rejectsTaken says what to do about something else in the place of rejects.
const rejectsTaken = "Rename or move it: rows that the rules of rejects take out have to go there."

// unreadRejects refuses to drop rejects that somebody reads.
func (b *building) unreadRejects(ctx context.Context, name string, oid uint32) error {
	read := &materialize.Relation{}
	if err := inspectDependents(ctx, b.conn, oid, read, "table"); err != nil {
		return err
	}
	for _, view := range read.Views {
		read.Others = append(read.Others, "view "+view.Name)
	}
	if len(read.Others) == 0 {
		return nil
	}
	slices.Sort(read.Others)
	return &StepError{StepFault: StepFault{
		Message: fmt.Sprintf("%s no longer rejects rows, and these depend on %s, which has to go: %s", b.step.Name, name, strings.Join(read.Others, ", ")),
		Hint:    "Drop or change them first; terrace drops nothing that others read.",
		File:    b.step.File, Line: 1, Column: 1,
	}}
}

func (b *building) succeeded(changed bool) {
	b.result.Status, b.result.Reason, b.result.Changed = Success, b.step.Reason, changed || b.replaced
	if b.told != "" {
		b.result.Reason += "; " + b.told
	}
}

// render renders twice where the first script would drop a relation, or change its columns: only then what depends on it is looked for.
func (b *building) render(ctx context.Context, word string, render func() (materialize.Script, error)) (materialize.Script, error) {
	script, err := render()
	if err == nil && (script.Replaces || script.Alters) {
		if err = inspectDependents(ctx, b.conn, b.oid, b.existing, word, materialize.Guards(b.step.node.model(), b.existing)...); err != nil {
			return script, err
		}
		if err = b.ownViews(ctx); err != nil {
			return script, err
		}
		script, err = render()
	}
	var refused *materialize.RefusedError
	if errors.As(err, &refused) {
		return script, &StepError{
			StepFault: StepFault{Message: refused.Message, Hint: refused.Hint, File: b.step.File},
			err:       err,
		}
	}
	return script, err
}

// ownViews finds which of the views that depend on the step's relation are those of the project.
func (b *building) ownViews(ctx context.Context) error {
	for i := range b.existing.Views {
		view := &b.existing.Views[i]
		n := b.Graph.Node(view.Name)
		if n == nil || n.Kind != KindView || b.rehearses() {
			continue
		}
		known, err := builtAs(ctx, b.conn, n.Name)
		if err != nil {
			return err
		}
		if known.made(view.OID, materialize.IsView) {
			view.Model = n.Model
		}
	}
	return nil
}

// execute performs a script; fill is called between building and checking.
func (b *building) execute(ctx context.Context, s materialize.Script, fill func() error) error {
	b.queue(s.Build...)
	if fill != nil {
		if err := b.flush(ctx); err != nil {
			return err
		}
		if err := fill(); err != nil {
			return err
		}
	}
	if err := b.check(ctx, s.Checks); err != nil {
		return err
	}
	if s.Newest != "" {
		err := b.conn.QueryRow(ctx, s.Newest, pgx.QueryExecModeExec).Scan(&b.newest)
		if err != nil {
			return fmt.Errorf("look for the newest event of %s: %w", b.step.Name, err)
		}
	}
	if s.Stage != "" {
		if err := b.judge(ctx, s.Stage); err != nil {
			return err
		}
	}
	b.replaced = s.Replaces || s.Alters
	if done, err := b.beside(ctx, s); done || err != nil {
		return err
	}
	if err := b.publish(ctx, s); err != nil {
		return err
	}
	if b.replaced && b.together == nil {
		b.final = append(b.final, remembering(b.remade())...)
	}
	if s.Stage == "" {
		if err := b.judge(ctx, ""); err != nil {
			return err
		}
	}
	if err := b.tally(ctx, s); err != nil {
		return err
	}
	b.tell(s.Lost...)
	b.last(s.Last)
	return nil
}

// tell adds to what the report says of the step.
func (b *building) tell(more ...string) {
	if b.told != "" {
		more = append([]string{b.told}, more...)
	}
	b.told = strings.Join(more, "; ")
}

// last takes away what is no more. In a run that publishes all at once that waits for its end.
func (b *building) last(statements []materialize.Statement) {
	switch {
	case len(statements) == 0:
	case b.together != nil:
		b.together.later = append(b.together.later, deferred{b, statements})
	default:
		b.final = append(b.final, statements...)
	}
}

// tally finishes the count of rows. What counts none may wait for the commit.
func (b *building) tally(ctx context.Context, s materialize.Script) error {
	if s.Delta != "" || slices.ContainsFunc(b.queued, counts) { // assertions on what is published have sent it already
		if err := b.flush(ctx); err != nil {
			return err
		}
	}
	if s.Delta != "" {
		return b.countChanges(ctx, s.Delta)
	}
	if b.besides.staged > 0 {
		b.result.Rows.Unchanged = max(b.besides.staged-b.result.Rows.Inserted-b.result.Rows.Updated, 0)
	}
	return nil
}

func counts(s materialize.Statement) bool { return s.Counts != materialize.None }

func (b *building) countChanges(ctx context.Context, query string) error {
	r := &b.result.Rows
	err := b.conn.QueryRow(ctx, query, pgx.QueryExecModeExec).Scan(&r.Inserted, &r.Updated, &r.Deleted)
	return wrap("count what changed in "+b.step.Name, err)
}

// check builds, and asks what must not be, in one message.
func (b *building) check(ctx context.Context, checks []materialize.Check) error {
	if len(checks) == 0 {
		return nil
	}
	built := b.queued
	statements := slices.Clone(built)
	for _, c := range checks {
		statements = append(statements, command(c.SQL))
	}
	b.queued = nil
	results, failed, err := b.send(ctx, statements)
	if err != nil && failed < len(built) {
		return b.locate(err, statements[failed])
	}
	if err != nil {
		return fmt.Errorf("check %s: %w", b.step.Name, b.locate(err, statements[failed]))
	}
	b.countAll(built, results)
	for i, answer := range results[len(built):] {
		if len(answer.Rows) > 0 {
			message, hint := string(answer.Rows[0][0]), checks[i].Hint
			if b.step.node.Seed != nil {
				hint = "Correct the rows of the CSV, or the key in the YAML file beside it."
			}
			return &StepError{
				StepFault: StepFault{Message: message, Hint: hint, File: b.step.File},
				err:       &DataError{Message: message},
			}
		}
	}
	return nil
}

// pause returns early, with the cause, when ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

func command(sql string) materialize.Statement { return materialize.Statement{SQL: sql, Body: -1} }

// statements runs a model of kind sql, which writes where it says. What it sets is for itself: assertions, and other steps of
// the transaction, have the session as it was.
func (b *building) statements(ctx context.Context, m *model.Model) error {
	var settings string
	if err := b.conn.QueryRow(ctx, sessionSettings, pgx.QueryExecModeExec).Scan(&settings); err != nil {
		return fmt.Errorf("read the settings before %s: %w", b.step.Name, err)
	}
	results, err := b.conn.PgConn().Exec(ctx, m.SQL).ReadAll()
	if err != nil {
		return b.locate(err, materialize.Statement{SQL: m.SQL})
	}
	if _, err := b.exec(ctx, resetting(settings)...); err != nil {
		return fmt.Errorf("put the settings back after %s: %w", b.step.Name, err)
	}
	for _, r := range results {
		switch tag := r.CommandTag; {
		case tag.Insert():
			b.result.Rows.Inserted += tag.RowsAffected()
		case tag.Delete():
			b.result.Rows.Deleted += tag.RowsAffected()
		case tag.Update(), strings.HasPrefix(tag.String(), "MERGE"):
			b.result.Rows.Updated += tag.RowsAffected()
		}
	}
	if err := b.judge(ctx, ""); err != nil {
		return err
	}
	b.succeeded(b.result.Rows.Changed() > 0)
	return nil
}

// sessionSettings is a query for what the session was set to after it began, as a JSON object.
const sessionSettings = `select coalesce(jsonb_object_agg(s.name, s.setting), '{}')::text
from pg_settings as s
where s.source = 'session'
    and s.name not like 'transaction\_%'`

// resetting are the statements that give a session the settings which it had, until the end of the transaction.
func resetting(settings string) []materialize.Statement {
	return []materialize.Statement{
		command("reset session authorization"), command("reset role"), command("reset all"),
		command("select set_config(s.key, s.value, true) from jsonb_each_text(" + materialize.Literal(settings) + ") as s"),
	}
}
