package dag_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/ods"
	"github.com/terrace-elt/terrace/tests/pgtest"
)

// besideNotes are models of ods.notes, a stream that sessions in plain SQL write.
var besideNotes = map[string]string{
	"models/shop/two/notes.sql":    "-- kind: table\n-- key: [id]\n-- depends_on: [ods.notes]\nselect n.id, n.customer, n.said from ods.notes as n",
	"models/shop/inc/notes.sql":    "-- kind: incremental\n-- key: [id]\n-- incremental: {by: [customer]}\n-- depends_on: [ods.notes]\nselect n.id, n.customer, n.said from ods.notes as n",
	"models/shop/two/of_notes.sql": "-- kind: incremental\n-- key: [customer]\n-- depends_on: [shop_two.notes]\nselect coalesce(n.customer, 0) as customer, count(*) as notes, string_agg(n.said, ',' order by n.id) as said from shop_two.notes as n group by 1",
	"models/shop/three/both.sql":   "-- kind: incremental\n-- key: [customer]\n-- depends_on: [shop_inc.grouped, shop_two.of_notes]\nselect g.customer, g.orders, n.notes from shop_inc.grouped as g join shop_two.of_notes as n on n.customer = g.customer",
}

// besideOthers are the other models that are run while others write: some that follow what changed, and what they read.
var besideOthers = []string{
	"inc/by_row.", "inc/joined_by_customer.", "inc/ranked_by_customer.", "inc/grouped.", "inc/by_customer_of_view.", "v/paid.", "two/plain.", "two/bag.",
	"two/of_table.", "two/of_bag.", "two/of_incremental.", "two/dimension.", "two/as_it_was.", "three/of_of_table.",
}

// busy is a project that several runs and several writers are at.
type busy struct {
	*source
	mu sync.Mutex // of the source's clock
}

func newBusy(t *testing.T) *busy {
	t.Helper()
	b := &busy{source: newDriven(t)}
	maps.DeleteFunc(b.files, func(name string, _ *fstest.MapFile) bool {
		return name != "terrace.yml" && !slices.ContainsFunc(besideOthers, func(part string) bool { return strings.Contains(name, part) })
	})
	for name, text := range besideNotes {
		b.write(name, text)
	}
	b.world.streams = append(b.world.streams, "ods.notes")
	b.exec("create table ods.notes (id integer primary key, customer integer, said text)")
	config, err := pgxpool.ParseConfig(b.db.URL)
	require.NoError(t, err)
	config.MaxConns = 12 // writers that wait to commit keep theirs
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	b.store, b.db.Pool = ods.New(pool), pool
	return b
}

// shut keeps writers that wait for the gate from committing, until it is opened.
func (b *busy) shut() (open func()) {
	b.t.Helper()
	conn := b.db.Conn(b.t)
	_, err := conn.Exec(context.Background(), "select pg_advisory_lock(1)")
	require.NoError(b.t, err)
	return sync.OnceFunc(func() { _ = conn.Close(context.Background()) })
}

// writes lands pages and notes one after another. A page and a note wait for the gate before they commit, or are given up
// there: what they hold nobody else writes.
func (b *busy) writes(r *rand.Rand, writer int) error {
	held, giveUp := context.WithCancel(context.Background())
	defer giveUp()
	own := func() int { return 100*writer + r.IntN(8) }
	late := b.pageOf(ordersStream, order(r, own()), order(r, own()))
	late.Endpoint = heldBack
	seed := r.Uint64()
	waiting := make(chan error, 2)
	go func() { _, err := b.store.Land(held, late); waiting <- err }()
	go func() { waiting <- b.note(held, rand.New(rand.NewPCG(seed, 1)), 100*writer, true) }()
	var err error
	for range 4 {
		switch r.IntN(4) {
		case 0:
			err = errors.Join(err, b.note(context.Background(), r, 0, false))
		case 1:
			_, landed := b.store.Land(context.Background(), b.pageOf(customersStream, customer(r)))
			err = errors.Join(err, landed)
		default:
			_, landed := b.store.Land(context.Background(), b.pageOf(ordersStream, order(r, 1+r.IntN(40)), order(r, 1+r.IntN(40))))
			err = errors.Join(err, landed)
		}
	}
	given := r.IntN(3) == 0
	if given {
		giveUp()
	}
	for range 2 {
		if ended := <-waiting; !given {
			err = errors.Join(err, ended)
		}
	}
	return err
}

// pageOf is a page of a slice that goes on: the last one takes the stream's cursor.
func (b *busy) pageOf(stream ods.Stream, records ...string) ods.Page {
	b.mu.Lock()
	defer b.mu.Unlock()
	page := b.page(stream, records...)
	page.Last = false
	return page
}

// note changes notes in one transaction with savepoints, some of which it goes back to, as it may go back altogether.
func (b *busy) note(ctx context.Context, r *rand.Rand, first int, held bool) error {
	tx, err := b.db.Pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	id := first + r.IntN(4) // from there on upwards: no two wait for each other
	for range 3 {
		id += 1 + r.IntN(4)
		sql := fmt.Sprintf("insert into ods.notes values (%d, %d, 'n%d') on conflict (id) do update set customer = excluded.customer, said = excluded.said", id, r.IntN(12), r.IntN(100))
		if r.IntN(4) == 0 {
			sql = fmt.Sprintf("delete from ods.notes where id = %d", id)
		}
		end := []string{"release s", "rollback to s"}[r.IntN(2)]
		if _, err := tx.Exec(ctx, "savepoint s; "+sql+"; insert into terrace.batch (node, rows_updated) values ('ods.notes', 1); "+end); err != nil {
			return err
		}
	}
	if held {
		if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock_shared(1)"); err != nil {
			return err
		}
	}
	if r.IntN(5) == 0 {
		return nil
	}
	return tx.Commit(ctx)
}

// runs makes a run of all models, of some, or of some anew. It waits for what another run holds, or leaves that out.
func (b *busy) runs(r *rand.Rand, first bool) error {
	w := *b.world
	wait, many := r.IntN(3) > 0, 1+r.Int64N(4)
	w.change = func(e *dag.SQLExecutor) { e.Wait, e.ManyRows = wait, many }
	w.together = r.IntN(5) == 0
	var names []string
	switch r.IntN(4) {
	case 0: // these read nothing but streams
		w.plan = func(o *dag.PlanOptions) { o.FullRefresh = true }
		names = []string{"shop_two.plain", "shop_inc.grouped", "shop_two.dimension", "shop_two.notes"}[r.IntN(3):]
	case 1:
		if first {
			break // others read what was never built
		}
		_, graph := w.project()
		names = slices.DeleteFunc(namesOf(graph.Nodes()), func(name string) bool { return strings.HasPrefix(name, "ods.") || r.IntN(2) == 0 })
	}
	session := w.open(names...)
	report := w.runOpened(context.Background(), session)
	session.pool.Close()
	var err error
	for _, s := range report.Steps {
		var held *dag.HeldError
		if s.Status.Bad() && s.Err() != nil && (wait || !errors.As(s.Err(), &held)) {
			err = errors.Join(err, fmt.Errorf("%s: %w", s.Name, s.Err()))
		}
	}
	return err
}

// TestIncremental_equalsFullWhateverGoesOnAtOnce has writers and runs at one project at once: pages that commit after others
// that began later, or never; transactions in plain SQL that go back to savepoints; runs that overlap, build some anew, or
// publish everything together; sessions that are ended. Whatever was seen by whom, the next run makes of every model what
// its query gives, and the one after it finds nothing to do.
func TestIncremental_equalsFullWhateverGoesOnAtOnce(t *testing.T) {
	t.Parallel()
	b := newBusy(t)
	for _, seed := range someSeeds(t) {
		r := rand.New(rand.NewPCG(seed, 7))
		t.Logf("seed %d", seed)
		b.begin()
		b.exec("truncate ods.notes")
		b.change(r, ordersStream, 30)
		for round := range 4 {
			told := fmt.Sprintf("seed %d, round %d", seed, round)
			open := b.shut()
			var writers, runs sync.WaitGroup
			var mu sync.Mutex
			var failed error
			start := func(group *sync.WaitGroup, work func(*rand.Rand) error) {
				own := rand.New(rand.NewPCG(r.Uint64(), 1))
				group.Go(func() {
					err := work(own)
					mu.Lock()
					defer mu.Unlock()
					failed = errors.Join(failed, err)
				})
			}
			for i := range 3 {
				start(&writers, func(r *rand.Rand) error { return b.writes(r, 1+i) })
			}
			for range 2 + r.IntN(2) {
				start(&runs, func(r *rand.Rand) error { return b.runs(r, round == 0) })
			}
			if r.IntN(2) == 0 { // what waits commits while runs go on
				start(&writers, func(*rand.Rand) error { open(); return nil })
			}
			if r.IntN(3) == 0 {
				b.exec("select pg_terminate_backend(a.pid) from pg_stat_activity as a where a.datname = current_database() and a.application_name like 'terrace:%:%.%'")
			}
			runs.Wait()
			open()
			writers.Wait()
			require.NoError(t, failed, told)
			b.succeed()
			b.requireFull(told)
			for _, s := range b.succeed().Steps {
				require.Equal(t, dag.Skipped, s.Status, "%s: %s: %s", told, s.Name, s.Reason)
			}
		}
		dimension := b.rows("select d::text from shop_two.dimension as d order by 1")
		b.exec("drop table shop_two.dimension")
		b.succeed()
		require.Equal(t, b.rows("select d::text from shop_two.dimension as d order by 1"), dimension, "seed %d", seed)
	}
}

// Another run may let go of a node just between our snapshot and our lock: what it wrote stands in the way, and is seen the
// next time. That is told by the node's state; a key that somebody else put there is an error.
func TestRun_triesAgainWhereAnotherRunHasBuiltTheNodeMeanwhile(t *testing.T) {
	t.Parallel()
	for _, built := range []bool{true, false} {
		w := shop(t, ordersOf("-- kind: table\n-- key: [id]", allOrders), nil)
		w.succeed()
		w.land("ods.orders", "insert into ods.orders values (7, 'new', 7)")
		w.faults = &pgtest.Faults{}
		run := w.open()
		w.faults.Arm(0, pgtest.Fault{Of: `insert into "shop_dwd"."orders"`, Before: func(uint32) {
			w.exec("insert into shop_dwd.orders select * from ods.orders where id = 7")
			if built {
				w.exec("update terrace.node_state set xid = pg_current_xact_id(), snapshot = pg_current_snapshot() where node = 'shop_dwd.orders'")
			}
		}})
		orders := step(t, w.runOpened(context.Background(), run), "shop_dwd.orders")
		require.NotEmpty(t, w.faults.Disarm())
		if built {
			require.NoError(t, orders.Err())
			require.Equal(t, dag.Rows{Unchanged: 3}, orders.Rows)
		} else {
			require.ErrorContains(t, orders.Err(), "duplicate key value")
		}
	}
}
