package dag

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/terrace-elt/terrace/dag/model"
	"github.com/terrace-elt/terrace/dag/model/strict"
)

// planned is a plan as EXPLAIN (VERBOSE, FORMAT JSON) has it.
type planned struct{ Plan weighed }

// weighed is a node of a plan with what is expected of it and what is below it.
type weighed struct {
	Type     string  `json:"Node Type"`
	Schema   string  `json:"Schema"`
	Relation string  `json:"Relation Name"`
	Cost     float64 `json:"Total Cost"` // with that of the nodes below
	Rows     float64 `json:"Plan Rows"`
	Plans    []weighed
}

// own is what the node costs by itself.
func (n weighed) own() float64 {
	cost := n.Cost
	for _, below := range n.Plans {
		cost -= below.Cost
	}
	return cost
}

// dearest is the node that costs most by itself.
func (n weighed) dearest() weighed {
	most := n
	for _, below := range n.Plans {
		if candidate := below.dearest(); candidate.own() > most.own() {
			most = candidate
		}
	}
	return most
}

// relations are those that the node and those below it read, each once, in the order of the plan.
func (n weighed) relations() []string {
	var out []string
	if n.Relation != "" {
		out = append(out, n.Schema+"."+n.Relation)
	}
	for _, below := range n.Plans {
		for _, name := range below.relations() {
			if !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// String is the node in words: "Hash Join of shop_dwd.a, shop_dwd.b".
func (n weighed) String() string {
	if of := n.relations(); len(of) > 0 {
		return n.Type + " of " + strings.Join(of, ", ")
	}
	return n.Type
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
		if err := nested.QueryRow(ctx, "explain (verbose, format json) "+sql, pgx.QueryExecModeExec).Scan(&answer); err != nil {
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
	tell := func(message, key string) {
		c.problems = append(c.problems, model.Problem{
			File: u.model.File, Line: u.model.SQLLine, Col: 1, Severity: strict.Error, Message: message,
			Hint: fmt.Sprintf("explain the query of %s in psql (terrace db psql) and make it do less: a condition, an index, an analyze of what it reads; or raise check.%s in terrace.yml", u.model.File, key),
		})
	}
	if limit := c.Budget.MaxCost; limit > 0 && p.Plan.Cost > limit {
		most := p.Plan.dearest()
		tell(fmt.Sprintf("the planner expects a cost of %s, more than max_cost: %s; %.0f %% of it is the %s",
			grouped(p.Plan.Cost), grouped(limit), 100*most.own()/p.Plan.Cost, most), "max_cost")
	}
	if limit := c.Budget.MaxRows; limit > 0 && p.Plan.Rows > limit {
		tell(fmt.Sprintf("the planner expects %s rows, more than max_rows: %s", grouped(p.Plan.Rows), grouped(limit)), "max_rows")
	}
}

// grouped is a number without decimals, its digits in groups of three.
func grouped(n float64) string {
	digits := strconv.FormatFloat(n, 'f', 0, 64)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}
