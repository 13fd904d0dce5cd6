package dag

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
)

var (
	//go:embed sql/column_type.sql
	columnTypeSQL string
	//go:embed sql/inspect.sql
	inspectFile string
	//go:embed sql/relations.sql
	relationsFile string
	//go:embed sql/dependents.sql
	dependentsSQL string
	//go:embed sql/other_dependents.sql
	otherDependentsSQL string
	//go:embed sql/handmade_indexes.sql
	handmadeIndexesSQL string
	//go:embed sql/restore.sql
	restoreSQL string
	//go:embed sql/holder.sql
	holderSQL string
)

// inspectSQL and relationsSQL give types as a query's description does, which names no domain.
var (
	inspectSQL   = strings.Replace(inspectFile, "$type", columnTypeSQL, 1)
	relationsSQL = strings.Replace(relationsFile, "$type", columnTypeSQL, 1)
)

// openSQL takes the lock of the node whose name is the first parameter, or does not, and inspects what stands under the
// name whose schema and relation are the others, tells the time, and as what the node was built; the last parameter is the
// cluster.
var openSQL = "select pg_try_advisory_xact_lock(" + lockKey + "), (\n" + strings.NewReplacer("$1", "$2", "$2", "$3").Replace(inspectSQL) + `), clock_timestamp(), (
    ` + strings.Replace(rememberedSQL, "$2", "$4", 1) + `
)`

// rememberedSQL is as what the node was built whose name is the first parameter, and by which transaction; the second is the
// cluster.
const rememberedSQL = `select jsonb_build_object('kind', s.kind, 'relation', coalesce(s.relation::bigint, 0), 'here', s.cluster = $2 and s.database = d.oid, 'xid', s.xid::text)
    from terrace.node_state as s
    cross join pg_database as d
    where s.node = $1
        and d.datname = current_database()`

// inspect returns what stands under a name, or nil, and its oid.
func inspect(ctx context.Context, conn *pgx.Conn, schema, relation string) (*materialize.Relation, uint32, error) {
	var found []byte
	err := conn.QueryRow(ctx, inspectSQL, schema, relation).Scan(&found)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("inspect %s.%s: %w", schema, relation, err)
	}
	return decodeRelation(found)
}

// decodeRelation reads the value of inspectSQL; there is nothing where it is empty.
func decodeRelation(text []byte) (*materialize.Relation, uint32, error) {
	if len(text) == 0 {
		return nil, 0, nil
	}
	var found struct {
		OID     uint32
		Kind    materialize.RelationKind
		Columns []materialize.Column
		// Generated is null where no column is.
		Generated []string
		Domains   map[string]string
		// Collations is null where each column has its type's.
		Collations map[string]string
		Indexes    []materialize.Index
		// Partition is null for a table that is not partitioned.
		Partition *materialize.Partitioning
	}
	if err := json.Unmarshal(text, &found); err != nil {
		return nil, 0, fmt.Errorf("read what stands under the name: %w", err)
	}
	return &materialize.Relation{
		Kind: found.Kind, Columns: found.Columns, Generated: found.Generated, Domains: found.Domains, Collations: found.Collations,
		Indexes: found.Indexes, Partition: found.Partition,
	}, found.OID, nil
}

func columnsOf(names, types []string) []materialize.Column {
	columns := make([]materialize.Column, len(names))
	for i := range names {
		columns[i] = materialize.Column{Name: names[i], Type: types[i]}
	}
	return columns
}

// inspectDependents adds what must be known before a relation can be replaced by one of the kind that SQL calls by the
// word. It is asked only then. Own are the names of constraints that come with the new relation.
func inspectDependents(ctx context.Context, conn *pgx.Conn, oid uint32, r *materialize.Relation, word string, own ...string) error {
	type dependent struct {
		OID        uint32
		Name       string
		View       bool
		Definition string
		Reads      []string
	}
	rows, err := conn.Query(ctx, dependentsSQL, oid)
	if err != nil {
		return fmt.Errorf("list dependents: %w", err)
	}
	dependents, err := pgx.CollectRows(rows, pgx.RowToStructByPos[dependent])
	if err != nil {
		return fmt.Errorf("list dependents: %w", err)
	}
	for _, d := range dependents {
		if !d.View {
			r.Others = append(r.Others, "materialized view "+d.Name)
			continue
		}
		restore, err := restoring(ctx, conn, d.OID, "view")
		if err != nil {
			return fmt.Errorf("read grants of %s: %w", d.Name, err)
		}
		others, err := texts(ctx, conn, otherDependentsSQL, d.OID, []string{}, true)
		if err != nil {
			return fmt.Errorf("list dependents of %s: %w", d.Name, err)
		}
		r.Others = append(r.Others, others...)
		r.Views = append(r.Views, materialize.DependentView{OID: d.OID, Name: d.Name, Definition: d.Definition, Reads: d.Reads, Restore: restore})
	}
	// What others made is replaced whole, with what belongs to it.
	others, err := texts(ctx, conn, otherDependentsSQL, oid, append([]string{}, own...), r.Was != "")
	if err != nil {
		return fmt.Errorf("list dependents: %w", err)
	}
	r.Others = append(r.Others, others...)
	if r.Restore, err = restoring(ctx, conn, oid, word); err != nil {
		return fmt.Errorf("read grants: %w", err)
	}
	r.Handmade, err = handmadeIndexes(ctx, conn, oid)
	return wrap("read indexes", err)
}

func handmadeIndexes(ctx context.Context, conn *pgx.Conn, oid uint32) ([]materialize.HandmadeIndex, error) {
	rows, err := conn.Query(ctx, handmadeIndexesSQL, oid)
	if err != nil {
		return nil, err
	}
	indexes, err := pgx.CollectRows(rows, pgx.RowToStructByPos[materialize.HandmadeIndex])
	return slices.DeleteFunc(indexes, func(i materialize.HandmadeIndex) bool { return materialize.MadeIndex(i.Name) }), err
}

// restoring reads what gives a new relation, of the kind that COMMENT ON calls by the word, the old one's properties.
func restoring(ctx context.Context, conn *pgx.Conn, oid uint32, word string) ([]materialize.Restoring, error) {
	rows, err := conn.Query(ctx, restoreSQL, oid, word)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[materialize.Restoring])
}

func texts(ctx context.Context, db Database, sql string, args ...any) ([]string, error) {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// describe returns the columns of a model's query without running it. Errors carry their place in the model's file.
func describe(ctx context.Context, conn *pgx.Conn, types *sync.Map, m *model.Model) ([]materialize.Column, error) {
	columns, err := describeSQL(ctx, conn, types, m.SQL)
	if err != nil {
		return nil, locateIn(err, m, materialize.Statement{SQL: m.SQL})
	}
	return columns, nil
}

// columnType is a type as a result's description has it.
type columnType struct {
	oid      uint32
	modifier int32
}

// describeSQL describes a query. Types whose names are known need no question.
func describeSQL(ctx context.Context, conn *pgx.Conn, types *sync.Map, sql string) ([]materialize.Column, error) {
	described, err := conn.PgConn().Prepare(ctx, "", sql, nil)
	if err != nil {
		return nil, err
	}
	if err := nameTypes(ctx, conn, types, described.Fields); err != nil {
		return nil, fmt.Errorf("name types: %w", err)
	}
	columns := make([]materialize.Column, len(described.Fields))
	for i, f := range described.Fields {
		name, _ := types.Load(columnType{f.DataTypeOID, f.TypeModifier})
		columns[i] = materialize.Column{Name: f.Name, Type: name.(string)}
	}
	return columns, nil
}

func nameTypes(ctx context.Context, conn *pgx.Conn, types *sync.Map, fields []pgconn.FieldDescription) error {
	var oids []uint32
	var modifiers []int32
	for _, f := range fields {
		if _, known := types.Load(columnType{f.DataTypeOID, f.TypeModifier}); !known {
			oids, modifiers = append(oids, f.DataTypeOID), append(modifiers, f.TypeModifier)
		}
	}
	if len(oids) == 0 {
		return nil
	}
	rows, err := conn.Query(ctx, `select format_type(t.oid, t.modifier), coalesce(k.typcollation <> 0, false)
from unnest($1::oid[], $2::integer[]) with ordinality as t (oid, modifier, position)
left join pg_type as k
    on k.oid = t.oid
order by t.position`, oids, modifiers)
	if err != nil {
		return err
	}
	var name string
	var collated bool
	i := 0
	_, err = pgx.ForEachRow(rows, []any{&name, &collated}, func() error {
		types.Store(columnType{oids[i], modifiers[i]}, name)
		types.Store(collatable{name}, collated)
		i++
		return nil
	})
	return err
}
