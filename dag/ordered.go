package dag

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
)

// Rows are told apart and grouped by indexes, for which a type must have an order.

// orderedTypes are types, without what stands in parentheses, that are known to have one.
var orderedTypes = []string{
	"smallint", "integer", "bigint", "numeric", "real", "double precision", "boolean", "text", "character varying", "character",
	"date", "timestamp without time zone", "timestamp with time zone", "uuid", "jsonb", "bytea", "name",
}

// ordered is the key, among the names of types, of whether a type has an order.
type ordered struct{ typ string }

// orderedBy is a header key, with the columns of a model that it has an index for and whose types have no order that is known.
type orderedBy struct {
	key     string
	columns []materialize.Column
}

// toOrder lists the columns whose types have to be asked about.
func toOrder(m *model.Model, columns []materialize.Column) []orderedBy {
	h := m.Header
	var out []orderedBy
	add := func(key string, names ...string) {
		o := orderedBy{key: key}
		for _, name := range names {
			i := slices.IndexFunc(columns, func(c materialize.Column) bool { return c.Name == name })
			if i >= 0 && !slices.Contains(orderedTypes, limit.ReplaceAllString(columns[i].Type, "")) && !slices.Contains(pseudoTypes, columns[i].Type) {
				o.columns = append(o.columns, columns[i])
			}
		}
		if len(o.columns) > 0 {
			out = append(out, o)
		}
	}
	switch h.Kind {
	case model.Table, model.Incremental, model.SCD2:
		add("key", h.Key...)
	}
	if h.Incremental != nil {
		add("incremental.by", slices.DeleteFunc(slices.Clone(h.Incremental.By), func(name string) bool { return slices.Contains(h.Key, name) })...)
	}
	return out
}

// askOrder is a statement that the server refuses where a type has no order.
func askOrder(typ string) string { return "select null::" + typ + " order by 1" }

// noOrder says so.
func noOrder(key string, c materialize.Column) (message, hint string) {
	other := "…::text for one"
	if c.Type == "json" || c.Type == "json[]" {
		other = "…::jsonb" + c.Type[len("json"):]
	}
	return fmt.Sprintf("%s names column %q, which is %s: PostgreSQL has no order for that type, and so no index that tells its values apart", key, c.Name, c.Type),
		"Cast it in the query (" + other + "), or name other columns."
}

// askOrders queues the question whether the types of keys and groups have an order.
func (c *compiler) askOrders(m *model.Model, columns []materialize.Column) {
	for _, by := range toOrder(m, columns) {
		for _, column := range by.columns {
			c.queue = append(c.queue, probe{sql: askOrder(column.Type), answer: func(_ []pgconn.FieldDescription, err *pgconn.PgError) {
				if err != nil {
					message, hint := noOrder(by.key, column)
					c.faultAt(m.File, m.Place(by.key, column.Name), message, hint)
				}
			}})
		}
	}
}

// checkOrder is that question before a build.
func (b *building) checkOrder(ctx context.Context, m *model.Model, columns []materialize.Column) error {
	for _, by := range toOrder(m, columns) {
		for _, column := range by.columns {
			known, asked := b.types.Load(ordered{column.Type})
			if !asked {
				_, ok, err := b.takes(ctx, askOrder(column.Type))
				if err != nil {
					return fmt.Errorf("look for the order of %s: %w", column.Type, err)
				}
				known = ok
				b.types.Store(ordered{column.Type}, ok)
			}
			if known == false {
				message, hint := noOrder(by.key, column)
				return contractError(m, m.Place(by.key, column.Name).Line, message, hint)
			}
		}
	}
	return nil
}
