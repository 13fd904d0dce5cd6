package dag

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/terrace-elt/terrace/dag/materialize"
)

//go:embed sql/open_bundle.sql
var openBundleSQL string

// Bundles implements Bundler: a view that is not there yet, and of which nothing is asked, is one statement that no data
// makes long.
func (e *SQLExecutor) Bundles(step Step) bool {
	if step.Kind != KindView || !step.fresh || len(step.Gates) > 0 {
		return false
	}
	h := step.node.Model.Header
	return h.Timeout == 0 && len(h.Key) == 0 && len(h.Columns) == 0 && len(h.Rejects) == 0
}

// ExecuteBundle implements Bundler.
func (e *SQLExecutor) ExecuteBundle(ctx context.Context, steps []Step) ([]Result, bool) {
	b := &bundle{}
	for _, step := range steps {
		b.members = append(b.members, e.newBuilding(step))
	}
	first := b.members[0]
	if err := b.run(ctx); err != nil && !(first.uncertain && e.recorded(ctx, first.step.Name)) {
		return nil, false
	}
	results := make([]Result, len(steps))
	for i, m := range b.members {
		results[i] = m.result
	}
	return results, true
}

// bundle is one attempt at several steps in one transaction. Whatever is not as it was planned undoes all of it.
type bundle struct {
	members []*building
}

func (b *bundle) run(ctx context.Context) error {
	first := b.members[0]
	conn, err := first.acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	first.conn = conn.Conn()
	defer first.rollback(ctx)
	if err := b.open(ctx); err != nil {
		return err
	}
	for _, m := range b.members {
		script, err := materialize.Render(materialize.Input{Model: m.step.node.Model, Redefined: true})
		if err != nil {
			return err
		}
		first.queue(script.Publish...)
		m.succeeded(true)
	}
	return b.commit(ctx)
}

// open begins the transaction and takes the nodes' locks. Who would have to wait for somebody does so alone.
func (b *bundle) open(ctx context.Context) error {
	first := b.members[0]
	names := make([]string, len(b.members))
	for i, m := range b.members {
		names[i] = m.step.node.Name
	}
	opening, err := executing(openBundleName, names)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%s and %d more", names[0], len(names)-1)
	results, err := first.exec(ctx, append(first.beginning(nil),
		command("set local application_name = "+materialize.Literal(applicationName(first.RunID, name))),
		command("set local lock_timeout = '"+publishLockTimeout+"'"), opening)...)
	if err != nil {
		return err
	}
	answer := results[len(results)-1].Rows[0]
	if !isTrue(answer[0]) {
		return fmt.Errorf("%s: one of them is held, or there", name)
	}
	for _, m := range b.members {
		m.opened.began = string(answer[1])
	}
	return nil
}

func (b *bundle) commit(ctx context.Context) error {
	first := b.members[0]
	record, err := recordSteps(b.members...)
	if err != nil {
		return err
	}
	first.queue(record, command("commit"))
	for _, m := range b.members {
		m.result.recorded = true
	}
	if err := first.flush(ctx); err != nil {
		first.uncertain = sqlState(err) == ""
		return err
	}
	return nil
}
