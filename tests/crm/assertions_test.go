package crm_test

import (
	"testing"

	"github.com/terrace-elt/terrace/cmd/standin/crm"
)

func TestAssertions_seeWhatTheyAreThereFor(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	write(t, p, crm.New(crm.Options{Days: 12}))
	p.Run(0, "update")
	p.RequireAssertionsSee("crm", `{}`, map[string]string{
		"imports_reconcile":         "update crm_dwd.order_row set amount = amount + 0.01 where row_no = 1",
		"orders_are_their_last_row": "delete from crm_dwd.fact_order where order_id = (select max(order_id) from crm_dwd.fact_order)",
		"leads_add_up":              "update crm_dwd.fact_lead set bulk_amount = bulk_amount + 0.01",
		"one_open_lead":             "update crm_dwd.fact_lead set current_stage = 'OPEN'",
		"customers_are_told_once":   "delete from crm_dwd.dim_customer where first_order_id = (select max(first_order_id) from crm_dwd.dim_customer)",
		"summary_equals_facts":      "update crm_dws.customer_summary set sample_amount = sample_amount + 0.01",
		"import_events_are_understood": `insert into crm_dwd.import_event__rejects (row, rule, field, message)
values ('{"event_id": "x/0"}', 'event_version', 'event_version', 'is a version that is not understood')`,
		"imports_have_their_rows":           "update crm_dws.import_summary set announced_rows = announced_rows + 1",
		"completion_events_keep_their_form": "update crm_dws.completion_event set event_version = '2.0'",
	})
}
