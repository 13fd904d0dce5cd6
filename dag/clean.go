package dag

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/materialize"
)

// Built is a seed or model that the database has a state of.
type Built struct {
	Name      string
	Kind      NodeKind
	DependsOn []string // effective dependencies, as they were when it was built
}

// LoadBuilt returns what was built in an environment, "" for production, sorted so that readers come before what they
// read: the order in which it can be dropped. Nodes that left the project are among it.
func LoadBuilt(ctx context.Context, db Database, environment string) ([]Built, error) {
	rows, err := db.Query(ctx, `select s.node, s.kind, s.depends_on
from terrace.node_state as s
where s.kind not in ('assertion', 'stream')
    and s.environment = $1
order by s.node`, environment)
	if err != nil {
		return nil, fmt.Errorf("read what was built: %w", err)
	}
	built, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Built])
	if err != nil {
		return nil, fmt.Errorf("read what was built: %w", err)
	}
	return readersFirst(built), nil
}

// readersFirst sorts by depth-first search; what was built in a circle over time, by changed headers, ends somewhere.
func readersFirst(built []Built) []Built {
	readers := map[string][]Built{}
	for _, b := range built {
		for _, d := range b.DependsOn {
			readers[d] = append(readers[d], b)
		}
	}
	var out []Built
	seen := map[string]bool{}
	var visit func(Built)
	visit = func(b Built) {
		if seen[b.Name] {
			return
		}
		seen[b.Name] = true
		for _, reader := range readers[b.Name] {
			visit(reader)
		}
		out = append(out, b)
	}
	for _, b := range built {
		visit(b)
	}
	return out
}

// Relations returns what stands in the database for a built node, as DROP names it ("table feiqiu_ref.pay_status"): its
// relation, its rejects, its change feed. A node of kind sql has made nothing that is its own.
func (b Built) Relations(ctx context.Context, db Database) ([]string, error) {
	var names []string
	if b.Kind != KindSQL {
		names = append(names, b.Name, materialize.RejectsName(b.Name))
	}
	names = append(names, feedSchema+"."+materialize.FeedName(b.Name))
	drops, err := texts(ctx, db, `select
    case c.relkind when 'v' then 'view' when 'm' then 'materialized view' else 'table' end
    || ' ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname)
from unnest($1::text[]) with ordinality as wanted (name, position)
join pg_class as c
    on c.relname = split_part(wanted.name, '.', 2)
join pg_namespace as n
    on n.oid = c.relnamespace
    and n.nspname = split_part(wanted.name, '.', 1)
where c.relkind in ('r', 'p', 'v', 'm')
order by wanted.position`, names)
	return drops, wrap("look for the relations of "+b.Name, err)
}

// Drop drops the relations of built nodes, without what others made of them, and forgets their state, so that the next run
// builds them anew. A node that a run holds is a *HeldError, a relation that others depend on a *StepError. The caller's
// transaction decides.
func Drop(ctx context.Context, tx pgx.Tx, nodes []Built) error {
	names := make([]string, len(nodes))
	for i, node := range nodes {
		names[i] = node.Name
		if err := drop(ctx, tx, node); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, `delete from terrace.node_state
where node = any($1::text[])
    or (kind = 'assertion' and depends_on && $1::text[])`, names)
	return wrap("forget what was dropped", err)
}

// GivingWay performs do in one transaction that takes exclusive locks. It waits a moment only for each of them, since
// everybody who comes after a waiting lock waits too: then it undoes all, lets those pass who came behind it, and does it
// again, half a minute long in all. When that was in vain it says who has the relations, which are given as DROP names them.
func GivingWay(ctx context.Context, conn *pgx.Conn, relations []string, do func(pgx.Tx) error) error {
	return givingWay(ctx, conn, publishAttempts, relations, do)
}

func givingWay(ctx context.Context, conn *pgx.Conn, attempts int, relations []string, do func(pgx.Tx) error) error {
	for attempt := 1; ; attempt++ {
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "set local lock_timeout = '"+publishLockTimeout+"'"); err != nil {
				return err
			}
			return do(tx)
		})
		if sqlState(err) != lockTimedOut {
			return err
		}
		if attempt == attempts {
			return stillHeld(ctx, conn, err, relations, attempts)
		}
		if err := pause(ctx, publishPause); err != nil {
			return err
		}
	}
}

// stillHeld says in the error of a drop that did not get its locks who has them.
func stillHeld(ctx context.Context, conn *pgx.Conn, err error, relations []string, attempts int) error {
	names := make([]string, len(relations))
	for i, relation := range relations {
		names[i] = relation
		for _, word := range []string{"materialized view ", "view ", "table "} {
			names[i] = strings.TrimPrefix(names[i], word)
		}
	}
	holders, unknown := holdersOf(ctx, conn, "", names)
	if unknown != nil || len(holders) == 0 {
		return err // as the server says it
	}
	return &StepError{StepFault: StepFault{
		Message:  fmt.Sprintf("nothing was dropped: in %d tries others had it locked, by reading it for one: %s", attempts, tell(holders)),
		SQLState: lockTimedOut,
		Hint:     fmt.Sprintf("Wait until they have ended, or end the first: select pg_terminate_backend(%d). Then repeat it.", holders[0].PID),
	}, err: err}
}

// DropEmptySchemas drops the schemas that the nodes were in and that hold nothing any more.
func DropEmptySchemas(ctx context.Context, tx pgx.Tx, nodes []Built) error {
	var schemas []string
	for _, n := range nodes {
		schema, _, _ := strings.Cut(n.Name, ".")
		schemas = append(schemas, schema)
	}
	drops, err := texts(ctx, tx, `select format('drop schema %I', n.nspname)
from pg_namespace as n
where n.nspname = any ($1)
    and not exists (select from pg_depend as d where d.refclassid = 'pg_namespace'::regclass and d.refobjid = n.oid)
order by n.nspname`, sortedSet(schemas))
	if err != nil {
		return fmt.Errorf("look for empty schemas: %w", err)
	}
	for _, statement := range drops {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return fmt.Errorf("drop an empty schema: %w", err)
		}
	}
	return nil
}

func drop(ctx context.Context, tx pgx.Tx, node Built) error {
	var free bool
	if err := tx.QueryRow(ctx, "select pg_try_advisory_xact_lock("+lockKey+")", node.Name).Scan(&free); err != nil {
		return fmt.Errorf("lock %s: %w", node.Name, err)
	}
	if !free {
		return held(ctx, tx, node.Name)
	}
	relations, err := node.Relations(ctx, tx)
	if err != nil {
		return err
	}
	for _, relation := range relations {
		statement := materialize.Statement{SQL: "drop " + relation, Purpose: "drop " + strings.ReplaceAll(relation, `"`, "")}
		if _, err := tx.Exec(ctx, statement.SQL); err != nil {
			return locate(err, "", 0, statement)
		}
	}
	return nil
}
