package dag

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/materialize"
)

//go:embed sql/has_domains.sql
var hasDomainsSQL string

// hasDomains is the key of what the server said to hasDomainsSQL, among the names of types.
type hasDomains struct{}

// domainsOf finds the columns of a query that are of a domain, by name. The server's description of a query does not tell
// them, so a table is made of it, without rows; only in a database that has domains to return.
func domainsOf(ctx context.Context, conn *pgx.Conn, types *sync.Map, sql string, columns []materialize.Column) (map[string]string, error) {
	known, asked := types.Load(hasDomains{})
	if !asked {
		var has bool
		if err := conn.QueryRow(ctx, hasDomainsSQL).Scan(&has); err != nil {
			return nil, fmt.Errorf("look for domains: %w", err)
		}
		known = has
		types.Store(hasDomains{}, has)
	}
	if known == false && !strings.Contains(sql, "information_schema") {
		return nil, nil
	}
	if slices.ContainsFunc(columns, func(c materialize.Column) bool { return slices.Contains(pseudoTypes, c.Type) }) {
		return nil, nil // no table can be made of it, which the build says better
	}
	// Two columns of one name are the build's to tell.
	names := make([]string, len(columns))
	for i := range columns {
		names[i] = fmt.Sprintf("c%d", i+1)
	}
	made := fmt.Sprintf("create temporary table \"domains\" (%s) as\n%s\nwith no data", strings.Join(names, ", "), sql)
	if _, err := conn.Exec(ctx, made); err != nil {
		return nil, err
	}
	rows, err := conn.Query(ctx, `select a.attnum, format_type(a.atttypid, a.atttypmod)
from pg_attribute as a
join pg_type as t
    on t.oid = a.atttypid
where a.attrelid = to_regclass('pg_temp."domains"')
    and a.attnum > 0
    and t.typtype = 'd'`)
	if err != nil {
		return nil, fmt.Errorf("look for domains: %w", err)
	}
	domains := map[string]string{}
	var column int
	var domain string
	if _, err := pgx.ForEachRow(rows, []any{&column, &domain}, func() error {
		domains[columns[column-1].Name] = domain
		return nil
	}); err != nil {
		return nil, fmt.Errorf("look for domains: %w", err)
	}
	_, err = conn.Exec(ctx, `drop table pg_temp."domains"`)
	return domains, wrap("look for domains", err)
}
