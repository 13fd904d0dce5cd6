package dag_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
)

// readable are the ways in which content reaches its place, each with a file for the kth publish and a query that counts
// rows, versions among them, and rows that must not be together.
var readable = map[string]struct {
	file func(k int) string
	read string
}{
	"exchanged": {
		func(k int) string {
			return "-- kind: table\n-- key: [id]\n" + fmt.Sprintf("-- depends_on: [ods.items]\nselect id, n, %d as c%d from ods.items", k, k)
		},
		"select count(*), count(distinct n) from shop_dwd.exchanged",
	},
	"changed": {
		func(int) string {
			return "-- kind: table\n-- key: [id]\n-- depends_on: [ods.items]\nselect id, n from ods.items"
		},
		"select count(*), count(distinct n) from shop_dwd.changed",
	},
	"replaced": {
		func(k int) string {
			return fmt.Sprintf("-- depends_on: [shop_dwd.changed]\nselect id, n, %d as publish, %d::%s as changes from shop_dwd.changed", k, k, []string{"bigint", "text"}[k/2%2])
		},
		"select count(*), count(distinct row(n, publish)) from shop_dwd.replaced",
	},
	"grouped": {
		func(int) string {
			return "-- kind: incremental\n-- key: [id]\n-- depends_on: [shop_dwd.changed]\nselect c.id, max(c.n) as n from shop_dwd.changed as c group by c.id"
		},
		"select count(*), count(distinct n) from shop_dwd.grouped",
	},
	"history": {
		func(int) string {
			return "-- kind: scd2\n-- key: [id]\n-- depends_on: [shop_dwd.changed]\nselect id, n from shop_dwd.changed"
		},
		"select count(*), count(distinct n) from shop_dwd.history where is_current",
	},
}

// untouched is read as the others are, and nobody writes it: what its readers wait for is the machine.
const untouched = "untouched"

// items is how many rows every relation has, at any time.
const items = 200

// A reader that does nothing but read sees no error, no half and no mixture in a hundred publishes, and waits for none.
func TestPublish_readersSeeOneVersionAtATimeAndWaitForNone(t *testing.T) {
	t.Parallel()
	for name, together := range map[string]bool{"each": false, "together": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runs := 20 // of five publishes each
			if testing.Short() {
				runs = 3
			}
			w := newWorld(t, nil, "ods.items")
			w.together = together
			w.exec("create schema ods")
			w.exec("create table ods.items as select id, 0 as n from generate_series(1, $1) as id", items)
			w.exec("create table ods.untouched as select * from ods.items")
			publish := func(k int) {
				w.land("ods.items", "update ods.items set n = $1", k)
				for relation, r := range readable {
					w.write("models/shop/dwd/"+relation+".sql", r.file(k))
				}
				for _, s := range w.succeed().Steps {
					require.Equal(t, dag.Success, s.Status, "%s: %s", s.Name, s.Reason)
				}
			}
			publish(0)
			readers := w.readers()
			for k := 1; k <= runs; k++ {
				publish(k)
			}
			waits := readers()
			for relation, took := range waits {
				slices.Sort(took)
				t.Logf("%s: %d reads, median %v, 99 of 100 within %v, longest %v", relation, len(took),
					quantile(took, 0.5).Round(time.Microsecond), quantile(took, 0.99).Round(time.Microsecond), quantile(took, 1).Round(time.Microsecond))
			}
			for relation := range readable {
				// On a machine that is busy every reader waits for it, and the longer while who publishes does.
				noise := 5 * quantile(waits[untouched], 0.99)
				require.Less(t, quantile(waits[relation], 0.99), 50*time.Millisecond+noise, relation)
				// A commit waits for the disk, which stops now and then: what a publish does comes with every one of them.
				noise = 5 * quantile(waits[untouched], 1)
				third := waits[relation][max(len(waits[relation])-3, 0)]
				require.Less(t, third, 200*time.Millisecond+noise, relation)
			}
		})
	}
}

// quantile is the value that a share of sorted values does not exceed.
func quantile(sorted []time.Duration, share float64) time.Duration {
	return sorted[int(share*float64(len(sorted)-1))]
}

// readers reads every relation until the function is called that it returns, which gives how long each read took in the
// server.
func (w *world) readers() func() map[string][]time.Duration {
	ctx, stop := context.WithCancel(context.Background())
	var mu sync.Mutex
	var all sync.WaitGroup
	waits := map[string][]time.Duration{}
	read := func(relation, sql string) {
		conn := w.db.Conn(w.t)
		all.Go(func() {
			var took []time.Duration
			for ctx.Err() == nil {
				rows, versions, seconds, err := counted(conn, sql)
				took = append(took, time.Duration(seconds*float64(time.Second)))
				if err != nil || rows != items || versions != 1 {
					w.t.Errorf("%s: %d rows of %d versions: %v", relation, rows, versions, err)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			waits[relation] = took
		})
	}
	for relation, r := range readable {
		read(relation, r.read)
	}
	read(untouched, "select count(*), count(distinct n) from ods.untouched")
	return func() map[string][]time.Duration {
		stop()
		all.Wait()
		return waits
	}
}

// counted also tells how long the server took, from the message's arrival to the last row: locks are waited for between.
func counted(conn *pgx.Conn, sql string) (rows, versions int, seconds float64, err error) {
	timed := "select c.*, extract(epoch from clock_timestamp() - statement_timestamp())::float8 from (" + sql + ") as c"
	err = conn.QueryRow(context.Background(), timed, pgx.QueryExecModeSimpleProtocol).Scan(&rows, &versions, &seconds)
	return rows, versions, seconds, err
}
