package ods

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// ParentQuery asks for parents whose details a pass has to fetch.
type ParentQuery struct {
	Parent  string   // stream that is read, "crm_ods.contacts"
	Child   string   // stream that is filled
	Columns []string // of the parent's table; together they tell its records apart
	Slice   Slice    // the child's open slice of kind Parents
	After   []string // the values after which to go on, nil at the start
	Limit   int      // how many at most
}

// ParentKeys gives the values, as text, of parents that have changed since the child's last complete pass, in the order
// of the columns. A change that the slice's own snapshot does not see belongs to the next pass, so a pass ends even when
// its parents never stop changing. Parents that are gone are left out.
func (s *Store) ParentKeys(ctx context.Context, q ParentQuery) ([][]string, error) {
	sql, args, err := q.statement()
	if err != nil {
		return nil, fmt.Errorf("read parents of %s: %w", q.Child, err)
	}
	rows, err := s.pool.Query(ctx, sql, planned(args)...)
	if err != nil {
		return nil, fmt.Errorf("read parents of %s: %w", q.Child, err)
	}
	keys, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) ([]string, error) {
		key := make([]string, len(q.Columns))
		into := make([]any, len(key))
		for i := range key {
			into[i] = &key[i]
		}
		return key, row.Scan(into...)
	})
	return keys, wrap(err, "read parents of %s", q.Child)
}

func (q ParentQuery) statement() (string, []any, error) {
	schema, table, ok := strings.Cut(q.Parent, ".")
	switch {
	case !ok:
		return "", nil, fmt.Errorf("parent %q: must be schema.stream", q.Parent)
	case len(q.Columns) == 0 || q.Limit < 1:
		return "", nil, fmt.Errorf("parent %s: columns and a limit are needed", q.Parent)
	case q.After != nil && len(q.After) != len(q.Columns):
		return "", nil, fmt.Errorf("parent %s: %d values to go on after for %d columns", q.Parent, len(q.After), len(q.Columns))
	}
	columns := make([]column, len(q.Columns))
	texts := make([]string, len(q.Columns))
	present := make([]string, len(q.Columns))
	for i, name := range q.Columns {
		columns[i] = column{name: name}
		texts[i] = "k." + quote(name) + "::text"
		present[i] = "\n    and p." + quote(name) + " is not null"
	}
	args := []any{q.Parent, q.Child, q.Slice.ID, q.Limit}
	after := ""
	if q.After != nil {
		var places []string
		for _, value := range q.After {
			args = append(args, value)
			places = append(places, fmt.Sprintf("$%d", len(args)))
		}
		after = fmt.Sprintf("\n    and (%s) > (%s)", list("p.", columns), strings.Join(places, ", "))
	}
	sql := fmt.Sprintf(`-- %[1]s: parents that a pass has to fetch
select %[2]s
from (
    select distinct %[3]s
    from %[4]s as p
    where p._deleted_at is null
        and p._batch_id = any (array(
            select b.batch_id
            from terrace.batch as b
            cross join terrace.slice as s
            left join terrace.cursor as c
                on c.stream = $2
                and c.variant = s.variant
            where s.slice_id = $3
                and b.node = $1
                and b.rows_inserted + b.rows_updated + b.rows_deleted > 0
                and pg_visible_in_snapshot(b.xid, s.snapshot)
                and (c.snapshot is null or not pg_visible_in_snapshot(b.xid, c.snapshot))
        ))%[5]s%[6]s
    order by %[3]s
    limit $4
) as k
order by %[7]s`,
		comment(q.Child), strings.Join(texts, ", "), list("p.", columns), pgx.Identifier{schema, table}.Sanitize(),
		strings.Join(present, ""), after, list("k.", columns))
	return sql, args, nil
}
