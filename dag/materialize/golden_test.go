package materialize_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
	"github.com/terrace-elt/terrace/tests/pgtest"
)

// golden is one script: what it is made from, and what the database holds before it.
type golden struct {
	name  string
	in    materialize.Input
	seed  *model.Seed
	setup []string
	// beside asks for the script that is taken where most rows change.
	beside bool
}

// upstream is what the models of the golden scripts read.
const upstream = `create schema up;
create schema shop;
create table up.orders (id integer, day date, state text, amount numeric(12, 2), raw json, seen timestamptz, version bigint);
insert into up.orders values
    (1, '2026-01-01', 'open', 10, '{"a": 1}', '2026-01-01 08:00Z', 1),
    (2, '2026-01-02', 'paid', 20, null, '2026-01-02 08:00Z', 2);
create view up.orders__versions as select * from up.orders`

var (
	columns = []materialize.Column{
		{Name: "id", Type: "integer"},
		{Name: "day", Type: "date"},
		{Name: "state", Type: "text"},
		{Name: "amount", Type: "numeric(12,2)"},
		{Name: "raw", Type: "json"},
	}
	fewer = []materialize.Column{{Name: "id", Type: "integer"}, {Name: "state", Type: "text"}, {Name: "gone", Type: "text"}}
	query = "select o.id, o.day, o.state, o.amount, o.raw\nfrom up.orders as o -- all of them"
	old   = "select 1::integer as id, 'open'::text as state, 'x'::text as gone"
)

// anOrdersModel is shop.orders of a kind.
func anOrdersModel(kind model.Kind) *model.Model {
	m := &model.Model{
		Name: "shop.orders", Schema: "shop", Relation: "orders", File: "models/shop/orders.sql", SQL: query, SQLLine: 9,
		Header: model.Header{
			Kind: kind, Description: "Orders of the shop's \\ and others'", OnSchemaChange: model.FailOnChange,
			DependsOn: []model.Ref{{Name: "up.orders", Node: "up.orders"}},
			Columns:   []model.Column{{Name: "id", Description: "The order"}},
			Grants:    map[string][]string{"select": {"public"}},
		},
	}
	switch kind {
	case model.View:
		return m
	case model.SCD2:
		m.Header.SCD2 = &model.SCD2Spec{OnDelete: model.Close, FromColumn: "valid_from", ToColumn: "valid_to", CurrentColumn: "is_current"}
	case model.Incremental:
		m.Header.Window = "day"
	}
	m.Header.Key = []string{"id"}
	m.Header.Indexes = []model.Index{{Columns: []string{"day", "lower(state) desc"}, Include: []string{"amount"}, Where: "amount > 0"}}
	return m
}

// with changes a model that was just made.
func with(m *model.Model, change func(*model.Model)) *model.Model {
	change(m)
	return m
}

// odd is a model all of whose names need care.
func odd(kind model.Kind) materialize.Input {
	long := strings.Repeat("länge", 10) + "xyz" // 63 bytes
	m := anOrdersModel(kind)
	m.Name, m.Relation = "shop.select", "select"
	m.SQL = fmt.Sprintf("select 1 as \"select\", 'x'::text as \"Ünï code\", 2 as \"it's \"\"quoted\"\"\", null::text as %q, 3 as t, 4 as s", long)
	m.Header.Columns = []model.Column{{Name: `it's "quoted"`, Description: "'"}}
	m.Header.Indexes = nil
	if kind != model.View {
		m.Header.Key = []string{"select", "Ünï code"}
	}
	return materialize.Input{Model: m, Columns: []materialize.Column{
		{Name: "select", Type: "integer"},
		{Name: "Ünï code", Type: "text"},
		{Name: `it's "quoted"`, Type: "integer"},
		{Name: long, Type: "text"},
		{Name: "t", Type: "integer"},
		{Name: "s", Type: "integer"},
	}}
}

// again is the input of a second run, on what the first one made.
func again(in materialize.Input) materialize.Input {
	in.Existing = &materialize.Relation{Kind: relationOf(in.Model.Header.Kind), Columns: stored(in), Indexes: indexNames(in.Model)}
	return in
}

func relationOf(kind model.Kind) materialize.RelationKind {
	switch kind {
	case model.View:
		return materialize.IsView
	case model.MaterializedView:
		return materialize.IsMaterializedView
	default:
		return materialize.IsTable
	}
}

// stored are the columns that a first run leaves.
func stored(in materialize.Input) []materialize.Column {
	if in.Model.Header.Kind != model.SCD2 {
		return in.Columns
	}
	var out []materialize.Column
	for _, c := range in.Columns {
		if c.Name != "_seen_at" && c.Name != "_version" && c.Name != "_deleted_at" {
			out = append(out, c)
		}
	}
	stamp := "timestamp with time zone"
	out = append(out, materialize.Column{Name: "valid_from", Type: stamp}, materialize.Column{Name: "valid_to", Type: stamp})
	if in.Model.Header.SCD2.OnDelete == model.Tombstone {
		out = append(out, materialize.Column{Name: "is_deleted", Type: "boolean"})
	}
	return append(out, materialize.Column{Name: "is_current", Type: "boolean"})
}

func indexNames(m *model.Model) []materialize.Index {
	var out []materialize.Index
	for _, i := range m.Header.Indexes {
		out = append(out, materialize.Index{Name: materialize.IndexName(m.Relation, i)})
	}
	if len(m.Header.Key) > 0 && m.Header.Kind != model.SCD2 {
		key := model.Index{Unique: true}
		for _, c := range m.Header.Key {
			key.Columns = append(key.Columns, pgx.Identifier{c}.Sanitize())
		}
		out = append(out, materialize.Index{Name: materialize.IndexName(m.Relation, key), Unique: true})
	}
	return out
}

// goldens are every kind × first run, second run, changed columns, full refresh, odd names, and what only some have.
func goldens() []golden {
	var out []golden
	for _, kind := range []model.Kind{model.View, model.Table, model.Incremental, model.SCD2, model.MaterializedView} {
		in := materialize.Input{Model: anOrdersModel(kind), Columns: columns}
		out = append(out,
			golden{name: string(kind) + "_first", in: in},
			golden{name: string(kind) + "_again", in: again(in), setup: first(in)},
			golden{name: string(kind) + "_odd_first", in: odd(kind)},
			golden{name: string(kind) + "_odd_again", in: again(odd(kind)), setup: first(odd(kind))},
		)
		full := again(in)
		full.FullRefresh, full.Redefined = true, true
		out = append(out, golden{name: string(kind) + "_full_refresh", in: full, setup: first(in)})
		out = append(out, changed(kind))
	}
	return append(out, others()...)
}

// first are the statements of a first run, as set-up of a second.
func first(in materialize.Input) []string {
	in.Existing = nil
	script, err := materialize.Render(in)
	if err != nil {
		panic(err)
	}
	var out []string
	for _, s := range slices.Concat(script.Build, script.Index, script.Publish) {
		out = append(out, s.SQL)
	}
	return out
}

// changed is a run over a relation that was built with other columns, is read by a view and belongs to somebody.
func changed(kind model.Kind) golden {
	m := with(anOrdersModel(kind), func(m *model.Model) { m.Header.OnSchemaChange = model.Sync })
	in := materialize.Input{Model: m, Columns: columns, Redefined: true, Gated: true}
	before := with(anOrdersModel(kind), func(m *model.Model) {
		m.SQL, m.Header.Indexes, m.Header.Window = old, nil, ""
	})
	previous := materialize.Input{Model: before, Columns: fewer}
	in.Existing = again(previous).Existing
	setup := first(previous)
	if kind != model.Incremental && kind != model.SCD2 {
		in.Existing.Views = []materialize.DependentView{
			{Name: "shop.reader", Definition: " SELECT orders.state\n   FROM shop.orders", Reads: []string{"state"}, Restore: []materialize.Restoring{{SQL: "grant select on shop.reader to public"}}},
		}
		in.Existing.Restore = []materialize.Restoring{
			{SQL: "grant select on shop.orders to public"},
			{Column: "state", SQL: "comment on column shop.orders.state is 'kept'"},
			{Column: "gone", SQL: "comment on column shop.orders.gone is 'not kept'"},
		}
		setup = append(setup, "create view shop.reader as select state from shop.orders")
	}
	return golden{name: string(kind) + "_changed_columns", in: in, setup: setup}
}

// others are what only some kinds can be.
func others() []golden {
	bag := materialize.Input{Model: with(anOrdersModel(model.Table), func(m *model.Model) { m.Header.Key = nil }), Columns: columns}
	windowed := again(materialize.Input{Model: anOrdersModel(model.Incremental), Columns: columns})
	windowed.Windowed = true
	gated := again(materialize.Input{Model: anOrdersModel(model.View), Columns: columns})
	gated.Gated = true
	overView := materialize.Input{
		Model: anOrdersModel(model.Table), Columns: columns,
		Existing: &materialize.Relation{Kind: materialize.IsView, Columns: fewer},
	}
	replay := materialize.Input{
		Model: with(anOrdersModel(model.SCD2), func(m *model.Model) {
			m.Header.DependsOn[0] = model.Ref{Name: "up.orders__versions", Node: "up.orders"}
			m.Header.SCD2.OnDelete, m.Header.SCD2.Track = model.Tombstone, []string{"state", "amount"}
			m.SQL = "select v.id, v.day, v.state, v.amount, v.raw, v.seen as _seen_at, v.version as _version, null::timestamptz as _deleted_at\nfrom up.orders__versions as v"
		}),
		Columns: append(append([]materialize.Column{}, columns...),
			materialize.Column{Name: "_seen_at", Type: "timestamp with time zone"}, materialize.Column{Name: "_version", Type: "bigint"},
			materialize.Column{Name: "_deleted_at", Type: "timestamp with time zone"}),
	}
	tombstones := materialize.Input{
		Model: with(anOrdersModel(model.SCD2), func(m *model.Model) {
			m.Header.SCD2.OnDelete, m.Header.SCD2.ValidFrom = model.Tombstone, "valid_from"
			m.SQL = "select o.id, o.state, o.amount, o.seen as valid_from\nfrom up.orders as o"
			m.Header.Indexes = nil
		}),
		Columns: []materialize.Column{columns[0], columns[2], columns[3], {Name: "valid_from", Type: "timestamp with time zone"}},
	}
	renewed := again(materialize.Input{Model: anOrdersModel(model.MaterializedView), Columns: columns})
	renewed.Redefined = true
	seed := &model.Seed{
		Name: "shop.states", Schema: "shop", Relation: "states", File: "models/shop/states.csv", Key: []string{"code"},
		Columns: []model.Column{{Name: "code", Type: "integer", Description: "As the source has it"}, {Name: "label", Type: "text"}},
	}
	key := materialize.Index{Name: materialize.IndexName("states", model.Index{Columns: []string{`"code"`}, Unique: true}), Unique: true}
	states := &materialize.Relation{Kind: materialize.IsTable, Indexes: []materialize.Index{key}, Columns: []materialize.Column{{Name: "code", Type: "integer"}, {Name: "label", Type: "text"}}}
	rules := func(m *model.Model) {
		m.Header.Rejects = []model.RejectRule{
			{Name: "too_much", Condition: "t.amount > 15 -- euros\n or day < '2026-01-01'", Message: "it's too much", Fields: []string{"amount"}},
			{Name: "no_state", Condition: "state is null or length(state) > 10"},
			{Name: "two", Condition: "amount < t.id"},
		}
	}
	strict := materialize.Input{Model: with(anOrdersModel(model.Table), rules), Columns: columns}
	strictAgain := again(strict)
	strictAgain.HasRejects = true
	strictChanged := again(materialize.Input{Model: with(anOrdersModel(model.Table), rules), Columns: columns})
	strictChanged.Existing.Columns, strictChanged.HasRejects = columns[:4], true
	strictWindow := again(materialize.Input{Model: with(anOrdersModel(model.Incremental), rules), Columns: columns})
	strictWindow.Windowed, strictWindow.HasRejects = true, true
	strictGroups := strictWindow
	strictGroups.Windowed = false
	strictGroups.Groups = &materialize.Groups{By: columns[:1], Values: []string{"{1,2}"}, Open: []string{"id"}}
	keyed := again(materialize.Input{Model: anOrdersModel(model.Incremental), Columns: columns})
	keyed.Groups = &materialize.Groups{By: columns[:1], Count: 3, Values: []string{"{1,2,3}"}}
	landed := keyed
	landed.Groups = &materialize.Groups{By: columns[:1], Query: "select v.id from generate_series(1, 3) as v (id)", Count: 3, Listed: true, Source: with(anOrdersModel(model.Incremental), func(m *model.Model) {
		m.SQL = strings.ReplaceAll(query, "up.orders", "(select s.* from up.orders as s where s.id = any ('{1,2,3}'))")
	})}
	fed := keyed
	fed.Groups = &materialize.Groups{By: columns[:1], Count: 3, Values: []string{"{1,2,3}"}, Few: true}
	fed.Feed = &materialize.Feed{Consumers: []string{"shop.totals"}, Columns: append(slices.Clip(columns), materialize.Column{Name: "_old", Type: "boolean"}, materialize.Column{Name: "_xid", Type: "xid8"})}
	fresh := fed
	fresh.Feed = &materialize.Feed{Consumers: []string{"shop.totals"}}
	strictReplay := replay
	strictReplay.Model = &model.Model{}
	*strictReplay.Model = *replay.Model
	strictReplay.Model.Header.Rejects = []model.RejectRule{{Name: "early", Condition: "_seen_at < '2026-01-02'"}}
	left := again(materialize.Input{Model: anOrdersModel(model.Table), Columns: columns})
	leftSetup := append(first(left), "create table shop.orders__rejects ()")
	left.Model = with(anOrdersModel(model.Table), func(m *model.Model) { m.Header.Indexes = []model.Index{{Columns: []string{"state"}}} })
	left.StaleRejects = true
	replayFed := again(replay)
	replayFed.Groups = fed.Groups
	replayFed.Existing.Indexes = append(replayFed.Existing.Indexes, materialize.Index{Name: "orders_one_version_a_time", Unique: true})
	replayFed.Feed = &materialize.Feed{Consumers: []string{"shop.totals"}}
	continued := replayFed
	continued.Groups, continued.Newest = &materialize.Groups{By: columns[:1], Continued: true}, "1970-01-01 00:00:00+00"
	continuedLate := again(replay)
	continuedLate.Groups, continuedLate.Newest = &materialize.Groups{By: columns[:1], Values: []string{"{1,2,3}"}, Continued: true, HasLate: true}, "2100-01-01 00:00:00+00"
	single := continued
	single.Groups = &materialize.Groups{By: columns[:1], Continued: true, Single: true}
	tableAgain := again(materialize.Input{Model: anOrdersModel(model.Table), Columns: columns})
	replayBeside := again(replay)
	replayBeside.Existing.Handmade = []materialize.HandmadeIndex{
		{Name: "orders_one_open_version", Definition: " USING btree (id) WHERE (valid_to IS NULL)", Unique: true, Columns: []string{"id", "valid_to"}},
		{Name: "orders_one_version_a_time", Definition: "UNIQUE (id, valid_from)", Unique: true, Constraint: true, Columns: []string{"id", "valid_from"}},
	}
	direct := single
	direct.Feed, direct.Existing = nil, replayBeside.Existing
	replayMost := replayBeside
	replayMost.Most, replayMost.Feed = true, &materialize.Feed{Consumers: []string{"shop.totals"}}
	leftUnique := again(materialize.Input{Model: anOrdersModel(model.SCD2), Columns: columns})
	unique := materialize.Index{Name: materialize.IndexName("orders", model.Index{Columns: []string{"state"}, Unique: true}), Unique: true}
	leftUnique.Existing.Indexes = append(leftUnique.Existing.Indexes, unique)
	rekeyed := again(materialize.Input{Model: anOrdersModel(model.Table), Columns: columns})
	rekeyed.Model = with(anOrdersModel(model.Table), func(m *model.Model) { m.Header.Key = []string{"id", "day"} })
	partitioned := func(by model.Partition, key ...string) materialize.Input {
		return materialize.Input{Model: with(anOrdersModel(model.Table), func(m *model.Model) {
			m.Header.PartitionBy, m.Header.Key = &by, key
		}), Columns: columns}
	}
	monthly := partitioned(model.Partition{Strategy: model.ByRange, Column: "day", Step: model.Step{Months: 1}}, "id", "day")
	monthlyAgain := again(monthly)
	monthlyAgain.Existing.Partition = &materialize.Partitioning{
		Strategy: "range", Columns: []string{"day"}, Marks: []string{"Partition of shop.orders by range (day), 1 month"},
	}
	byState := monthlyAgain
	byState.Model = partitioned(model.Partition{Strategy: model.ByList, Column: "state", Default: true}, "id", "state").Model
	whole := monthlyAgain
	whole.Model = anOrdersModel(model.Table)
	whole.Model.Header.Key = monthly.Model.Header.Key
	days := partitioned(model.Partition{Strategy: model.ByRange, Column: "day", Step: model.Step{Days: 7}, Default: true})
	daysAgain := again(days)
	daysAgain.Existing.Partition = &materialize.Partitioning{
		Strategy: "range", Columns: []string{"day"}, Marks: []string{"Partition of shop.orders by range (day), 7 days with default"},
	}
	hashed := partitioned(model.Partition{Strategy: model.ByHash, Column: "id", Count: 3}, "id")
	byID := func(in materialize.Input) materialize.Input {
		in.Model = with(anOrdersModel(model.SCD2), func(m *model.Model) {
			m.Header.PartitionBy = &model.Partition{Strategy: model.ByRange, Column: "id", Step: model.Step{Numbers: 2}}
		})
		return in
	}
	dimension := materialize.Input{Model: anOrdersModel(model.SCD2), Columns: columns}
	partedAgain := byID(again(dimension))
	partedAgain.Existing.Partition = &materialize.Partitioning{
		Strategy: "range", Columns: []string{"id"}, Marks: []string{"Partition of shop.orders by range (id), 2"},
	}
	joined := partedAgain
	joined.Model = anOrdersModel(model.SCD2)
	handmade := strictChanged
	handmade.Model, handmade.HasRejects = anOrdersModel(model.Table), false
	handmade.Existing = &materialize.Relation{Kind: materialize.IsTable, Columns: columns[:4], Handmade: []materialize.HandmadeIndex{
		{Name: "by hand", Definition: " USING btree (state DESC) WHERE (state IS NOT NULL)", Columns: []string{"state"}},
		{Name: "orders_pkey", Definition: "PRIMARY KEY (id)", Unique: true, Constraint: true, Columns: []string{"id"}},
		{Name: "by_gone", Definition: " USING btree (gone)", Unique: true, Columns: []string{"gone", "id"}},
	}}
	return []golden{
		{name: "table_partitioned_first", in: monthly},
		{name: "table_partitioned_again", in: monthlyAgain, setup: append(first(monthly), "delete from shop.orders where id = 1", "drop table shop.orders__p2026_01")},
		{name: "table_partitioned_otherwise", in: byState, setup: first(monthly)},
		{name: "table_no_longer_partitioned", in: whole, setup: first(monthly)},
		{name: "table_partitioned_default_again", in: daysAgain, setup: append(first(days), "delete from shop.orders")},
		{name: "table_partitioned_hash_first", in: hashed},
		{name: "scd2_partitioned_first", in: byID(dimension)},
		{name: "scd2_partitioned_again", in: partedAgain, setup: append(first(byID(dimension)), "delete from shop.orders", "drop table shop.orders__p2")},
		{name: "scd2_now_partitioned", in: byID(again(dimension)), setup: append(first(dimension), "delete from shop.orders where id = 1")},
		{name: "scd2_no_longer_partitioned", in: joined, setup: append(first(byID(dimension)), "delete from shop.orders where id = 1")},
		{name: "table_indexes_left", in: left, setup: leftSetup},
		{name: "scd2_unique_index_left", in: leftUnique, setup: append(first(leftUnique), "create unique index "+unique.Name+" on shop.orders (id, valid_from)")},
		{name: "scd2_replay_groups_fed", in: replayFed, setup: append(first(replay), "update shop.orders set amount = 1 where id = 1")},
		{name: "scd2_continued_fed", in: continued, setup: append(first(replay), "update shop.orders set amount = 1 where id = 1")},
		{name: "scd2_continued_single_fed", in: single, setup: append(first(replay), "update shop.orders set amount = 1 where id = 1", "update shop.orders set valid_from = valid_from - interval '1 day'")},
		{name: "scd2_continued_single_direct", in: direct, beside: true, setup: append(first(replay), "update shop.orders set valid_from = valid_from - interval '1 day'", "update shop.orders set amount = 1 where id = 1")},
		{name: "scd2_continued_late", in: continuedLate, setup: append(first(replay), "update shop.orders set amount = 1 where id = 1")},
		{name: "table_beside", in: tableAgain, beside: true, setup: append(first(tableAgain), "update shop.orders set amount = 1")},
		{name: "scd2_replay_most", in: replayMost, setup: append(first(replay), "update shop.orders set amount = 1 where id = 1")},
		{name: "scd2_replay_most_beside", in: replayMost, beside: true, setup: append(first(replay), "update shop.orders set amount = 1 where id = 1")},
		{name: "scd2_replay_beside", in: replayBeside, beside: true, setup: append(first(replay), "update shop.orders set amount = 1 where id = 1")},
		{name: "table_key_changed", in: rekeyed, setup: first(rekeyed)},
		{name: "table_handmade_indexes_changed_columns", in: handmade, setup: append(first(handmade), "alter table shop.orders drop column raw")},
		{name: "table_rejects_first", in: strict},
		{name: "table_rejects_again", in: strictAgain, setup: first(strict)},
		{name: "table_rejects_changed_columns", in: strictChanged, setup: append(first(strict), "alter table shop.orders drop column raw")},
		{name: "incremental_rejects_window", in: strictWindow, setup: first(strict)},
		{name: "incremental_rejects_groups", in: strictGroups, setup: first(strict)},
		{
			name: "incremental_groups_by_key", in: keyed,
			setup: append(first(keyed), "delete from shop.orders where id = 1", "update shop.orders set state = 'gone' where id = 2", "insert into shop.orders (id) values (3)"),
		},
		{
			name: "incremental_groups_of_source", in: landed,
			setup: append(first(keyed), "delete from shop.orders where id = 1", "update shop.orders set state = 'gone' where id = 2", "insert into shop.orders (id) values (3)"),
		},
		{name: "incremental_feed_first", in: fresh, setup: append(first(keyed), "update shop.orders set state = 'gone' where id = 2")},
		{
			name: "incremental_feed_again", in: fed,
			setup: append(first(keyed), "create table terrace_changes.\"shop.orders\" (like shop.orders, _old boolean, _xid xid8)", "delete from shop.orders where id = 1", "update shop.orders set state = 'gone' where id = 2"),
		},
		{name: "scd2_replay_rejects_first", in: strictReplay},
		{name: "table_without_key_again", in: again(bag), setup: first(bag)},
		{name: "table_over_view", in: overView, setup: []string{"create view shop.orders as " + old}},
		{name: "incremental_window", in: windowed, setup: first(windowed)},
		{name: "view_gated", in: gated, setup: first(gated)},
		{name: "scd2_replay_first", in: replay},
		{name: "scd2_replay_again", in: again(replay), setup: first(replay)},
		{name: "scd2_own_time_tombstone_again", in: tombstoneAgain(tombstones), setup: first(tombstones)},
		{name: "materialized_view_redefined", in: renewed, setup: first(renewed)},
		{name: "seed_first", seed: seed},
		{
			name: "seed_changed_columns", seed: seed, setup: []string{"create table shop.states (code text)"},
			in: materialize.Input{Existing: &materialize.Relation{Kind: materialize.IsTable, Columns: []materialize.Column{{Name: "code", Type: "text"}}}},
		},
		{
			name: "seed_again", seed: seed, setup: []string{"create table shop.states (code integer, label text)", "create unique index " + key.Name + " on shop.states (code)", "insert into shop.states values (9, 'nine')"},
			in: materialize.Input{Existing: states},
		},
	}
}

// tombstoneAgain has the query's own valid_from among the stored columns only once.
func tombstoneAgain(in materialize.Input) materialize.Input {
	in.Existing = &materialize.Relation{Kind: materialize.IsTable, Columns: stored(materialize.Input{Model: in.Model, Columns: in.Columns[:3]})}
	return in
}

func (g golden) render() (materialize.Script, error) {
	if g.seed != nil {
		return materialize.RenderSeed(*g.seed, g.in)
	}
	script, err := materialize.Render(g.in)
	if err != nil || !g.beside && !g.continued() {
		return script, err
	}
	find := script.Index
	if g.continued() {
		how, err := materialize.Continue(g.in, g.in.Model)
		if err != nil {
			return script, err
		}
		if g.in.Groups.Single {
			how.Keys = nil
		}
		script.Build = slices.Concat(how.Stage, []materialize.Statement{{SQL: how.Look}}, how.Keys, script.Build)
		if !g.beside {
			return script, nil
		}
		find = []materialize.Statement{{SQL: script.Sample}}
	}
	by := materialize.Beside
	if script.Sample != "" {
		by = materialize.Direct
	}
	beside, err := by(g.in)
	beside.Build, beside.Checks = slices.Concat(script.Build, find), script.Checks
	return beside, err
}

func (g golden) continued() bool { return g.in.Groups != nil && g.in.Groups.Continued }

// print shows a script as the golden files have it.
func print(s materialize.Script) string {
	var b strings.Builder
	part := func(title string, statements []materialize.Statement) {
		for _, statement := range statements {
			counts := ""
			if statement.Counts != materialize.None {
				counts = ", counts " + string(statement.Counts)
			}
			fmt.Fprintf(&b, "-- ==== %s%s\n%s;\n\n", title, counts, strings.TrimRight(statement.SQL, "\n"))
		}
	}
	part("build", s.Build)
	for _, c := range s.Checks {
		fmt.Fprintf(&b, "-- ==== check: %s\n%s;\n\n", c.Hint, c.SQL)
	}
	if s.Stage != "" {
		fmt.Fprintf(&b, "-- ==== assertions read %s\n\n", s.Stage)
	}
	part("index", s.Index)
	title := "publish"
	if s.Exclusive {
		title += ", exclusive"
	}
	part(title, s.Publish)
	part("last, exclusive", s.Last)
	for _, sentence := range s.Lost {
		fmt.Fprintf(&b, "-- ==== told: %s\n\n", sentence)
	}
	if s.Newest != "" {
		fmt.Fprintf(&b, "-- ==== newest event\n%s;\n\n", s.Newest)
	}
	if s.Delta != "" {
		fmt.Fprintf(&b, "-- ==== delta\n%s;\n", s.Delta)
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

func TestRender_givesTheGoldenScripts(t *testing.T) {
	t.Parallel()
	for _, g := range goldens() {
		script, err := g.render()
		require.NoError(t, err, g.name)
		path := filepath.Join("testdata", g.name+".golden")
		if os.Getenv("UPDATE_GOLDEN") != "" { // make golden
			require.NoError(t, os.MkdirAll("testdata", 0o755))
			require.NoError(t, os.WriteFile(path, []byte(print(script)), 0o644))
			continue
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(want), print(script), g.name)
	}
}

func TestRender_goldenScriptsRunOnPostgreSQLAndGiveTheirQuery(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ctx := context.Background()
	_, err := db.Pool.Exec(ctx, upstream)
	require.NoError(t, err)
	for _, g := range goldens() {
		t.Run(g.name, func(t *testing.T) { // one after the other: all make shop.orders, and undo it
			tx, err := db.Pool.Begin(ctx)
			require.NoError(t, err)
			defer func() { require.NoError(t, tx.Rollback(ctx)) }()
			for _, sql := range g.setup {
				_, err := tx.Exec(ctx, sql)
				require.NoError(t, err, sql)
			}
			for _, table := range []string{"stage", "affected", "events", "timeline", "delta", "rejected", "refiled"} {
				_, err := tx.Exec(ctx, "drop table if exists pg_temp."+table) // of the set-up, which is no transaction of its own
				require.NoError(t, err)
			}
			if g.in.Groups != nil && !g.continued() {
				_, err := tx.Exec(ctx, "create temporary table affected as select g as id from generate_series(1, 3) as g")
				require.NoError(t, err)
			}
			script, err := g.render()
			require.NoError(t, err)
			run(t, tx, g, script)
		})
	}
}

func run(t *testing.T, tx pgx.Tx, g golden, s materialize.Script) {
	ctx := context.Background()
	for _, statement := range s.Build {
		_, err := tx.Exec(ctx, statement.SQL)
		require.NoError(t, err, statement.SQL)
	}
	if g.seed != nil {
		_, err := tx.Exec(ctx, "insert into pg_temp.stage values (1, 'one'), (2, null)")
		require.NoError(t, err)
	}
	for _, c := range s.Checks {
		var n int
		require.NoError(t, tx.QueryRow(ctx, "select count(*) from ("+c.SQL+") as found").Scan(&n), c.SQL)
		require.Zero(t, n, c.SQL)
	}
	if s.Newest != "" {
		var newest string
		require.NoError(t, tx.QueryRow(ctx, s.Newest).Scan(&newest), s.Newest)
	}
	execute := func(statements ...materialize.Statement) {
		for _, statement := range statements {
			_, err := tx.Exec(ctx, statement.SQL)
			require.NoError(t, err, statement.SQL)
		}
	}
	execute(s.Index...)
	if !g.beside {
		execute(s.Publish...)
	}
	if s.Delta != "" {
		var inserted, updated, deleted int
		require.NoError(t, tx.QueryRow(ctx, s.Delta).Scan(&inserted, &updated, &deleted))
	}
	if g.beside {
		execute(s.Publish...)
	}
	execute(s.Last...)
	relation, sql := `"shop"."states"`, "select * from (values (1, 'one'), (2, null)) as v (code, label)"
	if g.seed == nil {
		relation, sql = materialize.Quote(g.in.Model.Name), g.in.Model.SQL
	}
	if g.seed == nil {
		for _, rule := range g.in.Model.Header.Rejects {
			sql = "select * from (" + sql + "\n) as t where (" + rule.Condition + ") is not true"
		}
	}
	if g.seed == nil && g.in.Model.Header.Kind == model.SCD2 {
		var open, wanted int
		require.NoError(t, tx.QueryRow(ctx, "select count(*) from "+relation+" where is_current").Scan(&open))
		require.NoError(t, tx.QueryRow(ctx, "select count(*) from ("+sql+"\n) as q").Scan(&wanted))
		require.Equal(t, wanted, open)
		return
	}
	var same bool
	names := make([]string, len(g.in.Columns))
	for i, c := range g.in.Columns {
		names[i] = pgx.Identifier{c.Name}.Sanitize()
	}
	list := strings.Join(names, ", ")
	if g.seed != nil {
		list = "code, label"
	}
	require.NoError(t, tx.QueryRow(ctx, fmt.Sprintf(`select
    (select array_agg(row(%[1]s)::text order by row(%[1]s)::text) from %[2]s) =
    (select array_agg(row(%[1]s)::text order by row(%[1]s)::text) from (%[3]s
    ) as q)`, list, relation, sql)).Scan(&same))
	require.True(t, same)
}
