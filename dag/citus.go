package dag

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/materialize"
)

// hasCitus is true on a server that can keep rows on other nodes. It asks for the function and not for the extension: what
// is called must be there.
const hasCitus = `exists (
    select from pg_proc as f where f.proname = 'create_distributed_table' and f.pronamespace = 'pg_catalog'::regnamespace
)`

// distributed finds out whether Citus keeps the rows of what stands under a model's name on other nodes. Tables that it
// merely knows of are of partmethod n and repmodel s.
func distributed(ctx context.Context, conn *pgx.Conn, in *materialize.Input, oid uint32) error {
	if !in.Citus || in.Existing == nil {
		return nil
	}
	err := conn.QueryRow(ctx, `select exists (
    select from pg_catalog.pg_dist_partition as p where p.logicalrelid = $1::oid and (p.partmethod, p.repmodel) <> ('n', 's')
)`, oid).Scan(&in.Existing.Distributed)
	if err != nil {
		return fmt.Errorf("ask Citus where %s is kept: %w", in.Model.Name, err)
	}
	return nil
}
