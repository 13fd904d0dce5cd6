package dag

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/materialize"
)

// Difference is what a relation would be against what it is. Rows are told apart by the key; without one that both have,
// a row is its whole content and none is changed.
type Difference struct {
	Name string   `json:"name"`
	Kind NodeKind `json:"kind"`
	Key  []string `json:"key,omitempty"`
	// Before and After are numbers of rows; Before is nil when there is no relation yet.
	Before    *int64 `json:"rows_before"`
	After     int64  `json:"rows_after"`
	Added     int64  `json:"added"`
	Removed   int64  `json:"removed"`
	Changed   int64  `json:"changed"`
	Unchanged int64  `json:"unchanged"`
	// Columns that come, go or have another type.
	Columns []ColumnDifference `json:"columns,omitempty"`
	// ChangedIn counts, for each column, the rows in which it changes.
	ChangedIn map[string]int64  `json:"changed_in,omitempty"`
	Samples   DifferenceSamples `json:"samples"`
}

// ColumnDifference is a column whose type before or after is another one, or "" where it is not there.
type ColumnDifference struct {
	Name string `json:"name"`
	Was  string `json:"was,omitempty"`
	Is   string `json:"is,omitempty"`
}

// DifferenceSamples are the first rows that differ, in the order of the key, each a JSON object of its columns.
type DifferenceSamples struct {
	Added   []json.RawMessage `json:"added,omitempty"`
	Removed []json.RawMessage `json:"removed,omitempty"`
	Changed []ChangedRow      `json:"changed,omitempty"`
}

// ChangedRow is a row that is there before and after: its key, and the columns that differ.
type ChangedRow struct {
	Key json.RawMessage `json:"key"`
	Was json.RawMessage `json:"was"`
	Is  json.RawMessage `json:"is"`
}

// Same reports whether there is nothing to tell.
func (d Difference) Same() bool {
	return d.Before != nil && d.Added+d.Removed+d.Changed == 0 && len(d.Columns) == 0
}

// Compare compares the relation of a node as it is with what stands for it in the transaction under another name, and
// takes that many samples of each kind of difference.
func Compare(ctx context.Context, conn *pgx.Conn, n *Node, staged string, samples uint) (Difference, error) {
	c := comparison{conn: conn, samples: samples, was: materialize.Quote(n.Name), is: materialize.Quote(staged)}
	c.Name, c.Kind = n.Name, n.Kind
	if err := c.compare(ctx, n, staged); err != nil {
		return c.Difference, fmt.Errorf("compare %s: %w", n.Name, err)
	}
	return c.Difference, nil
}

// comparison is one comparison under way.
type comparison struct {
	Difference
	conn    *pgx.Conn
	samples uint
	was, is string // quoted
	// common are the columns that both have; cast are those of them, by name, that are compared as text.
	common []string
	cast   map[string]bool
}

func (c *comparison) compare(ctx context.Context, n *Node, staged string) error {
	before, err := inspectName(ctx, c.conn, n.Name)
	if err != nil {
		return err
	}
	after, err := inspectName(ctx, c.conn, staged)
	if err != nil || after == nil {
		return err
	}
	if before == nil {
		return c.first(ctx, keyOf(n))
	}
	c.columns(before.Columns, after.Columns)
	c.Key = c.usable(keyOf(n))
	if len(c.Key) == 0 {
		return c.byContent(ctx)
	}
	return c.byKey(ctx)
}

func inspectName(ctx context.Context, conn *pgx.Conn, name string) (*materialize.Relation, error) {
	schema, relation, _ := strings.Cut(name, ".")
	found, _, err := inspect(ctx, conn, schema, relation)
	return found, err
}

// keyOf are the columns that name a row of a node's relation.
func keyOf(n *Node) []string {
	switch {
	case n.Seed != nil:
		return n.Seed.Key
	case n.Kind == KindSCD2:
		return append(slices.Clone(n.Model.Header.Key), n.Model.Header.SCD2.FromColumn)
	default:
		return n.Model.Header.Key
	}
}

// columns finds what comes, goes and changes its type.
func (c *comparison) columns(before, after []materialize.Column) {
	c.cast = map[string]bool{}
	types := map[string]string{}
	for _, b := range before {
		types[b.Name] = b.Type
	}
	for _, a := range after {
		was, found := types[a.Name]
		delete(types, a.Name)
		if found {
			c.common = append(c.common, a.Name)
		}
		if was != a.Type {
			c.cast[a.Name] = found
			c.Columns = append(c.Columns, ColumnDifference{Name: a.Name, Was: was, Is: a.Type})
		}
	}
	for _, b := range before {
		if _, gone := types[b.Name]; gone {
			c.Columns = append(c.Columns, ColumnDifference{Name: b.Name, Was: b.Type})
		}
	}
}

// usable is the key, or nothing where the rows of before and after cannot be matched by it.
func (c *comparison) usable(key []string) []string {
	for _, name := range key {
		if !slices.Contains(c.common, name) || c.cast[name] {
			return nil
		}
	}
	return key
}

// first tells of a relation that is not there yet.
func (c *comparison) first(ctx context.Context, key []string) error {
	err := c.conn.QueryRow(ctx, "select count(*) from "+c.is).Scan(&c.After)
	c.Added = c.After
	if err != nil {
		return err
	}
	var order []string
	for _, name := range key {
		order = append(order, "t."+pgx.Identifier{name}.Sanitize())
	}
	if len(order) == 0 {
		order = []string{"t::text"}
	}
	c.Samples.Added, err = c.documents(ctx, fmt.Sprintf("select to_jsonb(t) from %s as t order by %s limit %d", c.is, strings.Join(order, ", "), c.samples))
	return err
}

// there is the column that says that a row of a full join has this side.
const there = `"_terrace_there"`

// joined is both relations, side by side by the key.
func (c *comparison) joined() string {
	on := make([]string, len(c.Key))
	for i, name := range c.Key {
		q := pgx.Identifier{name}.Sanitize()
		on[i] = fmt.Sprintf("w.%[1]s = i.%[1]s", q)
	}
	return fmt.Sprintf("from (select t.*, true as %[1]s from %[2]s as t) as w\nfull join (select t.*, true as %[1]s from %[3]s as t) as i\n    on %[4]s",
		there, c.was, c.is, strings.Join(on, " and "))
}

// differs is the condition that one of the columns has another content, as it is stored.
func (c *comparison) differs(columns ...string) string {
	side := func(alias string) string {
		parts := make([]string, len(columns))
		for i, name := range columns {
			parts[i] = alias + "." + pgx.Identifier{name}.Sanitize()
			if c.cast[name] {
				parts[i] += "::text"
			}
		}
		return "row(" + strings.Join(parts, ", ") + ")::record"
	}
	return side("w") + " *<> " + side("i")
}

func (c *comparison) byKey(ctx context.Context) error {
	added, removed := "w."+there+" is null", "i."+there+" is null"
	changed := fmt.Sprintf("w.%[1]s and i.%[1]s and %[2]s", there, c.differs(c.common...))
	counts := []string{"count(w." + there + ")", "count(i." + there + ")"}
	for _, condition := range []string{added, removed, changed} {
		counts = append(counts, "count(*) filter (where "+condition+")")
	}
	for _, name := range c.common {
		counts = append(counts, fmt.Sprintf("count(*) filter (where w.%[1]s and i.%[1]s and %[2]s)", there, c.differs(name)))
	}
	c.Before = new(int64)
	in := make([]int64, len(c.common))
	into := []any{c.Before, &c.After, &c.Added, &c.Removed, &c.Changed}
	for i := range in {
		into = append(into, &in[i])
	}
	if err := c.conn.QueryRow(ctx, "select "+strings.Join(counts, ",\n    ")+"\n"+c.joined()).Scan(into...); err != nil {
		return err
	}
	c.Unchanged = c.After - c.Added - c.Changed
	c.ChangedIn = map[string]int64{}
	for i, name := range c.common {
		if in[i] > 0 {
			c.ChangedIn[name] = in[i]
		}
	}
	return c.sampleByKey(ctx, added, removed, changed)
}

func (c *comparison) sampleByKey(ctx context.Context, added, removed, changed string) error {
	order := make([]string, len(c.Key))
	for i, name := range c.Key {
		q := pgx.Identifier{name}.Sanitize()
		order[i] = fmt.Sprintf("coalesce(w.%[1]s, i.%[1]s)", q)
	}
	tail := fmt.Sprintf("\norder by %s\nlimit %d", strings.Join(order, ", "), c.samples)
	mark := " - " + materialize.Literal(strings.Trim(there, `"`))
	var err error
	if c.Added > 0 {
		if c.Samples.Added, err = c.documents(ctx, "select to_jsonb(i)"+mark+"\n"+c.joined()+"\nwhere "+added+tail); err != nil {
			return err
		}
	}
	if c.Removed > 0 {
		if c.Samples.Removed, err = c.documents(ctx, "select to_jsonb(w)"+mark+"\n"+c.joined()+"\nwhere "+removed+tail); err != nil {
			return err
		}
	}
	if c.Changed == 0 {
		return nil
	}
	return c.sampleChanged(ctx, "\nwhere "+changed+tail)
}

// sampleChanged keeps of each row the key and what differs. Columns of the key may: 1.0 and 1.00 are one key.
func (c *comparison) sampleChanged(ctx context.Context, tail string) error {
	object := func(alias string, columns []string, differing bool) string {
		parts := make([]string, len(columns))
		for i, name := range columns {
			parts[i] = fmt.Sprintf("jsonb_build_object(%s, %s.%s)", materialize.Literal(name), alias, pgx.Identifier{name}.Sanitize())
			if differing {
				parts[i] = fmt.Sprintf("case when %s then %s else '{}' end", c.differs(name), parts[i])
			}
		}
		return strings.Join(parts, " || ")
	}
	rows, err := c.conn.Query(ctx, fmt.Sprintf("select %s, %s, %s\n%s%s",
		object("i", c.Key, false), object("w", c.common, true), object("i", c.common, true), c.joined(), tail))
	if err != nil {
		return err
	}
	c.Samples.Changed, err = pgx.CollectRows(rows, pgx.RowToStructByPos[ChangedRow])
	return err
}

// byContent compares rows as wholes, in the columns that both have, counting equal ones.
func (c *comparison) byContent(ctx context.Context) error {
	columns := make([]string, len(c.common))
	for i, name := range c.common {
		q := pgx.Identifier{name}.Sanitize()
		columns[i] = fmt.Sprintf("t.%[1]s::text as %[1]s", q)
	}
	list := strings.Join(columns, ", ")
	less := func(a, b string) string {
		return fmt.Sprintf("(select %[1]s from %[2]s as t except all select %[1]s from %[3]s as t)", list, a, b)
	}
	c.Before = new(int64)
	err := c.conn.QueryRow(ctx, fmt.Sprintf("select (select count(*) from %s), (select count(*) from %s), (select count(*) from %s as a), (select count(*) from %s as r)",
		c.was, c.is, less(c.is, c.was), less(c.was, c.is))).Scan(c.Before, &c.After, &c.Added, &c.Removed)
	if err != nil {
		return err
	}
	c.Unchanged = c.After - c.Added
	sample := func(from string) ([]json.RawMessage, error) {
		return c.documents(ctx, fmt.Sprintf("select to_jsonb(d) from %s as d order by d::text limit %d", from, c.samples))
	}
	if c.Samples.Added, err = sample(less(c.is, c.was)); err != nil {
		return err
	}
	c.Samples.Removed, err = sample(less(c.was, c.is))
	return err
}

func (c *comparison) documents(ctx context.Context, sql string) ([]json.RawMessage, error) {
	rows, err := c.conn.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[json.RawMessage])
}
