package dag_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
)

// collatedKinds are headers of models with a key, which is a text.
var collatedKinds = map[string]string{
	"table":               "kind: table\n-- key: [k]",
	"bag":                 "kind: table",
	"incremental":         "kind: incremental\n-- key: [k]",
	"observed":            "kind: scd2\n-- key: [k]",
	"timed":               "kind: scd2\n-- key: [k]\n-- scd2: {valid_from: at}\n-- on_schema_change: append",
	"hashed_incremental":  "kind: incremental\n-- key: [k]\n-- partition_by: {hash: k, partitions: 2}",
	"listed_dimension":    "kind: scd2\n-- key: [k]\n-- partition_by: {list: k}",
	"appended":            "kind: incremental\n-- key: [k]\n-- on_schema_change: append",
	"grouped_incremental": "kind: incremental\n-- key: [k]\n-- incremental: {by: [v]}",
}

// collationsOf are the columns of a relation with their collations.
func (w *world) collationsOf(relation string) []string {
	w.t.Helper()
	return w.rows(`select a.attname, a.attcollation::regcollation from pg_attribute as a
where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped and a.attname in ('k', 'v', 'c', 'n', 'more') order by 1`, relation)
}

// hasICU reports whether the server was built with ICU.
func (w *world) hasICU() bool {
	w.t.Helper()
	return w.value("select exists (select from pg_collation as c where c.collname = 'tr-x-icu')") == "t"
}

// A table's columns have the collations that the query's columns have, as if CREATE TABLE AS had made it, whatever was
// there before.
func TestKinds_collationsAreTheQuerys(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "ods.r")
	w.exec("create schema ods")
	if w.hasICU() {
		w.exec("create collation ods.any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
	} else {
		w.exec(`create collation ods.any_case from "POSIX"`)
	}
	w.exec(`create domain ods.code as text collate "C";
create table ods.r (k text, v text, n name, at timestamptz);
create view ods.plain as select r.k, r.v, r.n from ods.r as r;
insert into ods.r values ('a', 'x', 'n', '2026-01-01'), ('B', 'y', 'n', '2026-01-01'), ('ä', 'y', 'n', '2026-01-01')`)
	w.plan = func(o *dag.PlanOptions) { o.Force = true }
	run := func(kind, header, columns string) dag.StepReport {
		relation := "shop_dwd." + kind
		w.write("models/shop/dwd/"+kind+".sql", "-- "+header+"\n-- depends_on: [ods.r]\nselect "+columns+", r.at from ods.r as r")
		s := step(t, w.run(relation), relation)
		require.NoError(t, s.Err(), "%s %s", kind, columns)
		w.exec("drop table if exists ods.plainly; create table ods.plainly as select " + columns + " from ods.r as r")
		require.Equal(t, w.collationsOf("ods.plainly"), w.collationsOf(relation), "%s %s", kind, columns)
		require.Equal(t, "3", w.value("select count(*) from "+relation), "%s %s", kind, columns)
		return s
	}
	for i, columns := range []string{
		"r.k, r.v, r.n::text as c, r.n",
		`r.k collate "C" as k, r.v, r.n::text as c, r.n`,
		`r.k, r.v collate "C" as v, r.n::text collate "default" as c, r.n`,
		`r.k collate ods.any_case as k, r.v, r.n::text collate "POSIX" as c, r.n`,
		"r.k, r.v, r.n::text as c, r.n",
	} {
		for kind, header := range collatedKinds {
			s := run(kind, header, columns)
			if i > 0 && kind != "bag" {
				require.Contains(t, s.Reason, "built anew: the collation of ", "%s %s", kind, columns)
			}
			s = run(kind, header, columns)
			require.NotContains(t, s.Reason, "collation", "%s %s", kind, columns)
			require.Zero(t, s.Rows.Changed(), "%s %s", kind, columns)
		}
	}
	for _, kind := range []string{"appended", "timed"} {
		run(kind, collatedKinds[kind], `r.k, r.v, r.n::text as c, r.n, r.v collate "C" as more`)
	}
}
