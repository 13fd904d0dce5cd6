// Package crm_test runs the crm domain as its owner does, from import files to leads, and compares what is there with
// books that were kept beside it in Go.
package crm_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/cmd/standin/crm"
	"github.com/terrace-elt/terrace/tests/clitest"
)

func TestMain(m *testing.M) { os.Exit(clitest.Main(m)) }

func newProject(t *testing.T) *clitest.Project {
	t.Helper()
	p := clitest.New(t, "crm")
	p.Env = []string{"CRM_IMPORTS=imports"}
	return p
}

func write(t *testing.T, p *clitest.Project, upstream *crm.Server) {
	t.Helper()
	require.NoError(t, upstream.Write(filepath.Join(p.Dir, "imports")))
}

// requireBooks compares every figure with the books.
func requireBooks(t *testing.T, p *clitest.Project, b *crm.Books) {
	t.Helper()
	var orders, customers, leads, imports, rejects []string
	for _, o := range b.Orders {
		orders = append(orders, fmt.Sprint(o.ID, " ", o.Shop, " ", o.Customer, " ", o.Type, " ", o.Status, " ", o.Amount.FloatString(2), " ", o.Strategy))
	}
	require.Equal(t, orders, p.Rows(`select concat_ws(' ', o.order_id, o.shop_id, o.customer_nickname, o.system_order_type, o.latest_status, o.amount, l.lead_strategy)
from crm_dwd.fact_order as o join crm_dwd.order_lead as l on l.order_id = o.order_id
order by o.order_id collate "C"`))
	for _, c := range b.Customers {
		customers = append(customers, fmt.Sprintf("%d:%s %s %d %d %s %d %s %d %s %s", c.Shop, c.Name, c.FirstOrder, c.Orders, c.SampleCount,
			c.SampleAmount.FloatString(2), c.BulkCount, c.BulkAmount.FloatString(2), c.Leads, c.CurrentStage, c.CurrentOrder))
	}
	require.Equal(t, customers, p.Rows(`select concat_ws(' ', c.customer_key, d.first_order_id, c.order_count, c.sample_count, c.sample_amount,
    c.bulk_count, c.bulk_amount, c.lead_count, c.current_stage, l.first_order_id)
from crm_dws.customer_summary as c
join crm_dwd.dim_customer as d on d.customer_global_id = c.customer_global_id
join crm_dwd.fact_lead as l on l.lead_id = c.current_lead_id
order by c.shop_id, c.customer_nickname collate "C"`))
	for _, l := range b.Leads {
		leads = append(leads, fmt.Sprint(l.FirstOrder, " ", l.LastOrder, " ", l.Stage, " ", l.SampleCount, " ", l.SampleAmount.FloatString(2), " ",
			l.BulkCount, " ", l.BulkAmount.FloatString(2)))
	}
	require.Equal(t, leads, p.Rows(`select concat_ws(' ', first_order_id, last_order_id, current_stage, sample_count, sample_amount, bulk_count, bulk_amount)
from crm_dwd.fact_lead order by first_order_id collate "C"`))
	for _, i := range b.Imports {
		imports = append(imports, fmt.Sprint(i.ID, " ", i.Success, " ", i.Error, " ", i.Status))
	}
	require.Equal(t, imports, p.Rows(`select concat_ws(' ', import_id, success_count, error_count, status)
from crm_dws.import_summary order by import_id::text collate "C"`))
	for _, r := range b.Rejects {
		rejects = append(rejects, fmt.Sprint(r.ImportID, " ", r.RowNo, " ", r.Rule))
	}
	require.Equal(t, rejects, p.Rows(`select concat_ws(' ', r.row ->> 'import_id', r.row ->> 'row_no', r.rule)
from crm_dwd.order_row__rejects as r
order by r.row ->> 'import_id' collate "C", (r.row ->> 'row_no')::bigint, r.rule collate "C"`))
}

// Ten days of imports, each landed as it comes: orders that change, events that are sent again, leads that are won and
// lost. A full refresh changes nothing, ids of customers and leads among it.
func TestCRM_givesWhatTheBooksSay(t *testing.T) {
	t.Parallel()
	upstream, p := crm.New(crm.Options{Seed: 5, Days: 12, Orders: 20}), newProject(t)
	waited := 0
	for range 11 {
		write(t, p, upstream)
		books := crm.NewBooks(upstream.Ledger())
		p.Run(0, "update")
		requireBooks(t, p, books)
		for _, r := range books.Rejects {
			if r.Rule == "import_unknown" {
				waited++
			}
		}
		upstream.Advance(1)
	}
	require.Positive(t, waited, "no import waited for an event that is understood")
	before := p.Content("crm_dw")
	p.Run(0, "run", "--full-refresh")
	require.Equal(t, before, p.Content("crm_dw"))
}

// What is read at once, and what is read day by day, comes to the same.
func TestCRM_doesNotDependOnWhenItRuns(t *testing.T) {
	t.Parallel()
	upstream, slow, fast := crm.New(crm.Options{Seed: 6, Days: 3, Orders: 15}), newProject(t), newProject(t)
	for range 3 {
		write(t, slow, upstream)
		slow.Run(0, "update")
		upstream.Advance(2)
	}
	write(t, slow, upstream)
	slow.Run(0, "update")
	write(t, fast, upstream)
	fast.Run(0, "update")
	a, b := slow.Content("crm_dwd"), fast.Content("crm_dwd")
	require.Equal(t, b, a)
}

// The number of statements is that of the models, not that of the rows; and a thousand rows are no work.
func TestCRM_statementsDoNotGrowWithRows(t *testing.T) {
	t.Parallel()
	counts := map[int]int{}
	for _, rows := range []int{10, 1000, 10_000} {
		p := newProject(t)
		write(t, p, crm.New(crm.Options{Days: 1, Orders: 10, Clean: true}))
		p.Run(0, "update")
		imported, event := crm.OneImport(rows)
		p.Write("imports/orders/one.csv", imported)
		start := time.Now()
		p.Write("imports/events/one.ndjson", event)
		p.Run(0, "extract")
		statements := p.CountStatements()
		r := p.Report(0, "run")
		counts[rows] = statements()
		require.Positive(t, r.Statements)
		require.LessOrEqual(t, r.Statements, int64(counts[rows]), "beside the steps' own there are those of the plan and the ledger")
		require.Greater(t, r.Statements, int64(counts[rows]/2))
		t.Logf("%d rows: models in %.2f s of %.2f s from the file on, %d statements", rows, r.Seconds, time.Since(start).Seconds(), counts[rows])
		require.EqualValues(t, rows, r.Step(t, "crm_dwd.order_row").Rows.Inserted)
		require.Positive(t, r.Step(t, "crm_dwd.fact_lead").Rows.Inserted)
	}
	// Fewer, where it is cheaper to recompute a model as a whole; some more where a run takes longer, which looks then who keeps
	// it waiting.
	const looks = 20
	require.LessOrEqual(t, counts[1000], counts[10]+looks)
	require.LessOrEqual(t, counts[10_000], counts[10]+looks)
}

// What nobody can read as an event or as a row is told, and stops nothing else.
func TestCRM_goesOnBesideWhatIsWrong(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	imported, event := crm.OneImport(20)
	p.Write("imports/orders/one.csv", append(imported, "cut off in the mid"...))
	p.Write("imports/events/one.ndjson", []byte(strings.Replace(string(event), `"1.0"`, `"3.0"`, 1)+"{no JSON\n"))
	p.Write("imports/stages/one.ndjson", nil)
	said, _ := p.Run(0, "update")
	require.Contains(t, said, "event_version is a version that is not understood")
	require.Equal(t, []string{"failed 0 20"}, p.Rows("select concat_ws(' ', status, success_count, error_count) from crm_dws.import_summary"))
	require.Equal(t, []string{"crm_ods.import_events not_json", "crm_ods.raw_orders_csv ragged"}, p.Rows("select node || ' ' || reason from terrace.reject order by 1"))
	p.Write("imports/events/two.ndjson", []byte(strings.Replace(string(event), "/1", "/2", 1)))
	p.Run(0, "update")
	require.Equal(t, []string{"success 20 0"}, p.Rows("select concat_ws(' ', status, success_count, error_count) from crm_dws.import_summary"))
	require.Equal(t, []string{"CUSTOMERS_ETL_COMPLETED 1.0 success", "LEADS_ETL_COMPLETED 1.0 success", "ORDERS_ETL_COMPLETED 1.0 success"},
		p.Rows("select concat_ws(' ', event, event_version, status) from crm_dws.completion_event order by 1"))
	require.Equal(t, []string{"true"}, p.Rows("select bool_and(rows_per_second > 0 and seconds > 0)::text from crm_dws.run_statistics where rows_written > 0")[:1])
}
