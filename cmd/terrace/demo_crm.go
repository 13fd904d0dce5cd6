package main

import (
	"os"
	"path/filepath"

	"github.com/terrace-elt/terrace/cmd/standin/crm"
)

// crmDemo is a folder of import files.
func crmDemo() demoDomain {
	return demoDomain{
		name:  "crm",
		later: "new imports, orders with another status, what salespeople did, an event that is sent again",
		start: func(days int, dir string) (standin, error) {
			// An earlier demo left files of days that are to come. What is written again is known by its content.
			if err := os.RemoveAll(dir); err != nil {
				return standin{}, err
			}
			if err := crm.New(crm.Options{Days: days}).Write(dir); err != nil {
				return standin{}, err
			}
			return standin{env: func(string) map[string]string {
				// Files are named relative to the project.
				return map[string]string{"CRM_IMPORTS": filepath.ToSlash(filepath.Join(".terrace", "demo", "crm"))}
			}}, nil
		},
		shows: []shownQuery{
			{"Leads by stage in crm_dwd.fact_lead", `select current_stage, count(*) as leads, sum(sample_amount) as sample_amount, sum(bulk_amount) as bulk_amount
from crm_dwd.fact_lead
group by current_stage
order by current_stage`},
			{"The last imports in crm_dws.import_summary", `select left(import_id::text, 8) as import, announced_rows, success_count, error_count, status, error
from (select * from crm_dws.import_summary order by file desc limit 4) as newest
order by file`},
		},
	}
}
