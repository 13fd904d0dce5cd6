package dag

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/terrace-elt/terrace/dag/model"
	"github.com/terrace-elt/terrace/dag/model/strict"
)

// planned is the root of a plan as EXPLAIN (FORMAT JSON) has it.
type planned struct {
	Plan struct {
		Cost float64 `json:"Total Cost"`
		Rows float64 `json:"Plan Rows"`
	}
}

// compileBudget asks the planner what the queries of models would cost, and tells of those over the budget. A query that
// reads something which is not there as it will be is left out: nothing is known of how much it will hold.
func (c *compiler) compileBudget(ctx context.Context) error {
	if c.Budget == (model.Budget{}) {
		return nil
	}
	for _, u := range c.order {
		if !u.ok || c.readsMoved(u) {
			continue
		}
		plan, err := c.explain(ctx, u.model.SQL)
		if err != nil {
			return fmt.Errorf("explain %s: %w", u.node.Name, err)
		}
		c.weigh(u, plan)
	}
	return nil
}

// explain returns a plan without anything in it where the server refuses: functions that it evaluates while planning
// may fail on values that only a run has.
func (c *compiler) explain(ctx context.Context, sql string) (planned, error) {
	var plans []planned
	err := pgx.BeginFunc(ctx, c.tx, func(nested pgx.Tx) error {
		var answer []byte
		if err := nested.QueryRow(ctx, "explain (format json) "+sql, pgx.QueryExecModeExec).Scan(&answer); err != nil {
			return err
		}
		return json.Unmarshal(answer, &plans)
	})
	var refused *pgconn.PgError
	if errors.As(err, &refused) && !unavailable(refused) {
		return planned{}, nil
	}
	if err != nil || len(plans) == 0 {
		return planned{}, err
	}
	return plans[0], nil
}

func (c *compiler) weigh(u *unit, p planned) {
	tell := func(what string, expected float64, key string, limit float64) {
		c.problems = append(c.problems, model.Problem{
			File: u.model.File, Line: u.model.SQLLine, Col: 1, Severity: strict.Error,
			Message: fmt.Sprintf("the planner expects %s %s, more than %s: %s", what, plain(expected), key, plain(limit)),
			Hint:    fmt.Sprintf("terrace show %s prints the query for EXPLAIN; an index or an ANALYZE may help, or raise check.%s in terrace.yml", u.node.Name, key),
		})
	}
	if limit := c.Budget.MaxCost; limit > 0 && p.Plan.Cost > limit {
		tell("a cost of", p.Plan.Cost, "max_cost", limit)
	}
	if limit := c.Budget.MaxRows; limit > 0 && p.Plan.Rows > limit {
		tell("rows:", p.Plan.Rows, "max_rows", limit)
	}
}

func plain(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }
