package materialize

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/model"
)

// indexesOf are the indexes of a model's relation: first the unique one of its key, so that a second row of one key is
// impossible and not merely checked.
func indexesOf(m *model.Model) []model.Index {
	if len(m.Header.Key) == 0 || m.Header.Kind == model.SCD2 {
		return m.Header.Indexes
	}
	key := model.Index{Unique: true}
	for _, column := range m.Header.Key {
		key.Columns = append(key.Columns, pgx.Identifier{column}.Sanitize())
	}
	out := []model.Index{key}
	if group := groupIndex(m); len(group.Columns) > 0 {
		out = append(out, group)
	}
	return append(out, m.Header.Indexes...)
}

// groupIndex finds the rows of an incremental model's groups, where neither the key nor a declared index does.
func groupIndex(m *model.Model) model.Index {
	if m.Header.Kind != model.Incremental {
		return model.Index{}
	}
	var index model.Index
	by := GroupColumns(m)
	for _, column := range by {
		index.Columns = append(index.Columns, pgx.Identifier{column}.Sanitize())
	}
	begins := func(columns []string) bool {
		return len(columns) >= len(by) && !slices.ContainsFunc(columns[:len(by)], func(c string) bool {
			return !slices.Contains(by, c) && !slices.Contains(index.Columns, c)
		})
	}
	declared := func(i model.Index) bool { return i.Where == "" && i.Method == "" && begins(i.Columns) }
	if begins(m.Header.Key) || slices.ContainsFunc(m.Header.Indexes, declared) {
		return model.Index{}
	}
	return index
}

// missingIndexes creates, under the model's name, the indexes that are not there yet.
func missingIndexes(m *model.Model, have []Index) []Statement {
	var out []Statement
	for _, index := range indexesOf(m) {
		if name := IndexName(m.Relation, index); !slices.ContainsFunc(have, named(name)) {
			out = append(out, statement("%s", createIndex(name, Quote(m.Name), index)))
		}
	}
	return out
}

// staleIndexes are those that were made for the model and that its header no longer has.
func staleIndexes(m *model.Model, have []Index) []Index {
	var out []Index
	for _, old := range have {
		wanted := func(i model.Index) bool { return IndexName(m.Relation, i) == old.Name }
		if MadeIndex(old.Name) && !slices.ContainsFunc(indexesOf(m), wanted) {
			out = append(out, old)
		}
	}
	return out
}

// IndexedColumns are what the index of a name is made of that a model's relation has, where it stands or is staged. The key
// is what guards of a dimension are made of. Without a name they are what any of its indexes is made of.
func IndexedColumns(m *model.Model, name string) []string {
	all := slices.Clone(m.Header.Key)
	for _, i := range indexesOf(m) {
		if name == IndexName(m.Relation, i) || name == IndexName(m.Name, i) {
			return i.Columns
		}
		for _, c := range i.Columns {
			if !slices.Contains(all, c) && !slices.Contains(all, strings.Trim(c, `"`)) {
				all = append(all, c)
			}
		}
	}
	if name != "" {
		return m.Header.Key
	}
	return all
}

func dropIndexes(m *model.Model, stale []Index) []Statement {
	var out []Statement
	for _, index := range stale {
		drop := plain(m, None, "drop index %s", pgx.Identifier{m.Schema, index.Name}.Sanitize())
		drop.Purpose = fmt.Sprintf("drop index %s.%s, which the header no longer has", m.Schema, index.Name)
		out = append(out, drop)
	}
	return out
}

// rekeyed reports whether the rows that stand there obey other unique indexes than those that are to come, so that they
// cannot be compared with the new ones by key, or would be in their way. Where nothing was redefined, an index that is
// missing is one that people dropped.
func rekeyed(in Input) bool {
	m, have := in.Model, in.Existing.Indexes
	if have == nil {
		return false
	}
	if slices.ContainsFunc(staleIndexes(m, have), func(i Index) bool { return i.Unique }) {
		return true
	}
	return in.Redefined && len(m.Header.Key) > 0 && !slices.ContainsFunc(have, named(IndexName(m.Relation, indexesOf(m)[0])))
}

// rebuilt reports whether the rows that stand there cannot be changed in place: they obey other unique indexes, or are kept
// or put in order in another way.
func rebuilt(in Input) bool {
	return rekeyed(in) || !in.layout.as(in.Existing) || len(recollated(in)) > 0
}

func named(name string) func(Index) bool {
	return func(i Index) bool { return i.Name == name }
}

// IndexName is the name of a declared index. It is derived from what the index says, so that a changed one has another
// name, and it ends in a check sum of itself, so that it can be told from the names that people give.
func IndexName(relation string, index model.Index) string {
	words := strings.FieldsFunc(strings.Join(index.Columns, " "), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_'
	})
	name := relation + "_" + strings.Join(words, "_")
	if index.Unique {
		name += "_unique"
	}
	definition := shortHash(fmt.Sprint(relation, index))
	name = cut(name, maxName-len("_")-len(definition)-nameCheck) + "_" + definition
	return name + shortHash(name)[:nameCheck]
}

// nameCheck is the length of the check sum at the end of an index's name: one name of 65,536 that look alike has it by chance.
const nameCheck = 4

// MadeIndex reports whether an index has a name that IndexName gives.
func MadeIndex(name string) bool {
	at := len(name) - nameCheck
	return at > 0 && shortHash(name[:at])[:nameCheck] == name[at:]
}

func createIndex(name, on string, index model.Index) string {
	var b strings.Builder
	b.WriteString("create ")
	if index.Unique {
		b.WriteString("unique ")
	}
	fmt.Fprintf(&b, "index %s on %s", pgx.Identifier{name}.Sanitize(), on)
	if index.Method != "" {
		fmt.Fprintf(&b, " using %s", index.Method)
	}
	fmt.Fprintf(&b, " (%s)", strings.Join(indexed(index.Columns), ", "))
	if len(index.Include) > 0 {
		fmt.Fprintf(&b, " include (%s)", columnList(index.Include))
	}
	if index.Where != "" {
		fmt.Fprintf(&b, " where %s", index.Where)
	}
	return b.String()
}

var (
	// plainColumn is what CREATE INDEX takes without parentheses.
	plainColumn = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_$]*|"([^"]|"")+"|\(.*\))$`)
	// bareColumn is a column's name, as it is written.
	bareColumn = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_$]*|"([^"]|"")+")$`)
	// ordering is what may follow an indexed expression.
	ordering = regexp.MustCompile(`(?i)(\s+collate\s+\S+)?(\s+\w+_ops)?(\s+(asc|desc))?(\s+nulls\s+(first|last))?$`)
)

// IndexedValues are the values that an index keeps of a row, as a list of SELECT.
func IndexedValues(i model.Index) string {
	values := make([]string, len(i.Columns))
	for at, c := range i.Columns {
		values[at] = c[:ordering.FindStringIndex(c)[0]]
	}
	if len(i.Include) > 0 {
		values = append(values, columnList(i.Include))
	}
	return strings.Join(values, ", ")
}

// indexed puts expressions into parentheses, as CREATE INDEX wants them.
func indexed(columns []string) []string {
	out := make([]string, len(columns))
	for i, c := range columns {
		end := ordering.FindStringIndex(c)[0]
		expression, rest := c[:end], c[end:]
		if !plainColumn.MatchString(expression) {
			expression = "(" + expression + ")"
		}
		out[i] = expression + rest
	}
	return out
}
