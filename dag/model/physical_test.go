package model_test

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag/model"
)

func TestParseHeader_readsPartitions(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]model.Partition{
		"{range: day, step: 1 month}":                {Strategy: model.ByRange, Column: "day", Step: model.Step{Months: 1}},
		"{range: day, step: quarter, default: true}": {},
		"{range: day, step: month, default: true}":   {Strategy: model.ByRange, Column: "day", Step: model.Step{Months: 1}, Default: true},
		"{range: day, step: P3M}":                    {Strategy: model.ByRange, Column: "day", Step: model.Step{Months: 3}},
		"{range: day, step: 2 years}":                {Strategy: model.ByRange, Column: "day", Step: model.Step{Months: 24}},
		"{range: day, step: 1 week}":                 {Strategy: model.ByRange, Column: "day", Step: model.Step{Days: 7}},
		"{range: day, step: PT6H}":                   {Strategy: model.ByRange, Column: "day", Step: model.Step{Hours: 6}},
		"{range: day, step: 6h}":                     {Strategy: model.ByRange, Column: "day", Step: model.Step{Hours: 6}},
		"{range: day, step: 7d}":                     {Strategy: model.ByRange, Column: "day", Step: model.Step{Days: 7}},
		"{range: id, step: 100000}":                  {Strategy: model.ByRange, Column: "id", Step: model.Step{Numbers: 100000}},
		"{list: site_id}":                            {Strategy: model.ByList, Column: "site_id"},
		"{hash: id, partitions: 8}":                  {Strategy: model.ByHash, Column: "id", Count: 8},
	} {
		h, problems := model.ParseHeader("m.sql", []byte(sql("kind: table\ndepends_on: []\npartition_by: "+written, "select 1")))
		if want.Strategy == "" {
			require.Len(t, problems, 1, written)
			continue
		}
		require.Empty(t, problems, written)
		require.Equal(t, &want, h.PartitionBy, written)
	}
}

func TestParseHeader_readsDistribution(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]model.Distribution{
		"{by: id}":                  {By: "id"},
		"{by: id, colocate: a.dim}": {By: "id", Colocate: "a.dim"},
		"reference":                 {Reference: true},
		"{reference: true}":         {Reference: true},
		"local":                     {Local: true},
	} {
		want.Line = 3
		require.Equal(t, &want, mustParse(t, "kind: table\ndepends_on: [a.dim]\ndistribute: "+written).Distribute, written)
	}
}

func TestParseHeader_reportsWhatPhysicalDesignCannotBe(t *testing.T) {
	t.Parallel()
	const unguarded = "which is not in the key (id): "
	for header, want := range map[string][]string{
		"partition_by: {}": {
			`m.sql:4:18: partition_by is by exactly one of range, list and hash, this is by 0 | write {range: business_date, step: 1 month}, {list: site_id} or {hash: order_id, partitions: 8}`,
		},
		"partition_by: {range: day, list: site}": {
			`m.sql:4:18: partition_by is by exactly one of range, list and hash, this is by 2 | write {range: business_date, step: 1 month}, {list: site_id} or {hash: order_id, partitions: 8}`,
		},
		"partition_by: {range: day}": {
			`m.sql:4:18: partition_by has a range and no step | say how far a partition reaches, step: 1 month for one; a column of numbers takes a number`,
		},
		"partition_by: {range: day, step: 0 months}":            {`m.sql:4:37: step wants a length such as 1 day, 1 month, 6 hours or 100000, got "0 months"`},
		"partition_by: {range: day, step: P1M2D}":               {`m.sql:4:37: step wants a length such as 1 day, 1 month, 6 hours or 100000, got "P1M2D"`},
		"partition_by: {range: day, step: -5}":                  {`m.sql:4:37: step wants a length such as 1 day, 1 month, 6 hours or 100000, got "-5"`},
		"partition_by: {range: day, step: PT30M}":               {`m.sql:4:37: step wants a length such as 1 day, 1 month, 6 hours or 100000, got "PT30M"`},
		"partition_by: {list: day, step: 1 day}":                {`m.sql:4:36: step belongs to range | remove it`},
		"partition_by: {list: day, partitions: 2}":              {`m.sql:4:42: partitions belongs to hash | remove it: partitions by list are made as rows need them`},
		"partition_by: {hash: day}":                             {`m.sql:4:18: a hash wants partitions: from 2 to 1024 | write {hash: day, partitions: 8}`},
		"partition_by: {hash: day, partitions: 5000}":           {`m.sql:4:18: a hash wants partitions: from 2 to 1024 | write {hash: day, partitions: 8}`},
		"partition_by: {hash: d, partitions: 2, default: true}": {`m.sql:4:52: a hash has a partition for every row | remove default`},
		"key: id\npartition_by: {list: day}":                    {`m.sql:5:18: partition_by names day, ` + unguarded + `PostgreSQL keeps rows unique within a partition only | choose a column of the key, or add day to it if a row is still named by that`},
		"key: [day, id]\npartition_by: {list: day}":             nil,
		"indexes: [{columns: [a], unique: true}]\npartition_by: {list: day}": {
			`m.sql:4:13: the unique index on (a) does not contain day, which partition_by names: PostgreSQL keeps rows unique within a partition only | add the column to the index, or make the rule an assertion: assert: [{unique: [a]}]`,
		},
		"indexes: [{columns: [a, day], unique: true}, [b]]\npartition_by: {list: day}": nil,
		"distribute: {}":                           {`m.sql:4:16: distribute says exactly one of by, reference and local | write {by: site_id}, reference or local`},
		"distribute: {by: a, local: true}":         {`m.sql:4:16: distribute says exactly one of by, reference and local | write {by: site_id}, reference or local`},
		"distribute: everywhere":                   {`m.sql:4:16: "everywhere" says nothing of where rows are kept | write {by: column}, or one of reference, local`},
		"distribute: {local: true, colocate: x.y}": {`m.sql:4:40: colocate belongs to by | remove it: only rows that are distributed by a column have their place`},
		"distribute: {by: a, colocate: x.y}":       {`m.sql:4:34: colocate names x.y, which depends_on does not | name it there: it has to be distributed first`},
		"key: id\ndistribute: {by: day}":           {`m.sql:5:16: distribute names day, ` + unguarded + `Citus keeps rows unique within a shard only | choose a column of the key, or add day to it if a row is still named by that`},
	} {
		_, problems := model.ParseHeader("m.sql", []byte(sql("kind: table\ndepends_on:\n  - a.b\n"+header, "select 1")))
		require.Equal(t, want, lines(problems), header)
	}
	_, problems := model.ParseHeader("m.sql", []byte(sql("kind: scd2\nkey: id\ndepends_on: []\npartition_by: {list: is_current}\ndistribute: {by: id}", "select 1")))
	require.Equal(t, []string{
		"m.sql:4:18: partition_by names is_current, which is not in the key (id): that each key has one open version can only be guaranteed where all versions of a key are in one place | choose a column of the key",
		"m.sql:5:16: a dimension is changed by a MERGE from temporary tables, which Citus does not do on tables that it distributes | write distribute: local",
	}, lines(problems))
}

func TestLoad_refusesToColocateWithWhatIsNotDistributed(t *testing.T) {
	t.Parallel()
	fact := func(dim string) []string {
		_, problems := model.Load(fstest.MapFS{
			"terrace.yml":          {Data: []byte("name: shop\n")},
			"models/shop/dim.sql":  {Data: []byte("-- kind: table\n-- depends_on: []\n" + dim + "select 1 as id")},
			"models/shop/fact.sql": {Data: []byte("-- kind: table\n-- depends_on: [shop.dim]\n-- distribute: {by: id, colocate: shop.dim}\nselect id from shop.dim")},
		}, model.Options{})
		return lines(problems)
	}
	require.Empty(t, fact("-- distribute: {by: id}\n"))
	for _, dim := range []string{"", "-- distribute: reference\n"} {
		require.Equal(t, []string{"shop/fact.sql:3:1: distribute: colocate names shop.dim, which is not distributed by a column | name a model that has distribute: {by: …}"}, fact(dim))
	}
}
