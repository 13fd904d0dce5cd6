package dag

import (
	"context"
	_ "embed"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
)

//go:embed sql/has_collations.sql
var hasCollationsSQL string

// Keys among the names of types: what the server said to hasCollationsSQL, and whether a type has a collation.
type (
	hasCollations struct{}
	collatable    struct{ typ string }
)

// collates finds what gives a text another collation than the database's. Names of the server's own have one.
var collates = regexp.MustCompile(`(?i)\bcollate\b|::\s*name\b|\bas\s+name\s*\)|\bpg_|information_schema|\b(current|session)_(user|role|catalog|schema|database)|\buser\b`)

// mayCollate notes that what the step makes may have other collations, for the steps that come after it.
func (b *building) mayCollate(m *model.Model) {
	if m != nil && collates.MatchString(m.SQL) {
		b.types.Store(hasCollations{}, true)
	}
}

// collationsOf finds the columns of a query that have another collation than their type, by name; nil where there can be
// none. The query is planned and not executed.
func (b *building) collationsOf(ctx context.Context, sql string, columns []materialize.Column) (map[string]string, error) {
	known, asked := b.types.Load(hasCollations{})
	if !asked {
		var has bool
		if err := b.conn.QueryRow(ctx, hasCollationsSQL).Scan(&has); err != nil {
			return nil, fmt.Errorf("look for collations: %w", err)
		}
		known, _ = b.types.LoadOrStore(hasCollations{}, has)
	}
	if known == false {
		return nil, nil
	}
	found := map[string]string{}
	names, asks, texts := make([]string, len(columns)), []string(nil), []string(nil)
	for i, c := range columns {
		names[i] = fmt.Sprintf("c%d", i+1)
		if text, _ := b.types.Load(collatable{c.Type}); text == true {
			asks, texts = append(asks, fmt.Sprintf(collationOf, names[i])), append(texts, c.Name)
		}
	}
	if len(asks) == 0 {
		return found, nil
	}
	var collations []*string
	err := b.conn.QueryRow(ctx, fmt.Sprintf("select array[%s]\nfrom (select) as one\nleft join (\n%s\n) as q (%s)\n    on false",
		strings.Join(asks, ", "), sql, strings.Join(names, ", ")), pgx.QueryExecModeExec).Scan(&collations)
	if err != nil {
		return nil, fmt.Errorf("look for collations: %w", err)
	}
	for i, collation := range collations {
		if collation != nil {
			found[texts[i]] = *collation
		}
	}
	return found, nil
}

// collationOf is the collation of a column of q, NULL where it is the database's or that of the column's type.
const collationOf = `nullif(nullif(pg_collation_for(q.%[1]s), '"default"'), (select t.typcollation::regcollation::text from pg_type as t where t.oid = pg_typeof(q.%[1]s)))`
