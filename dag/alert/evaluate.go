package alert

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag"
)

var (
	//go:embed sql/unseen_runs.sql
	unseenRunsSQL string
	//go:embed sql/schedules.sql
	schedulesSQL string
	//go:embed sql/step_paces.sql
	stepPacesSQL string
	//go:embed sql/run_pace.sql
	runPaceSQL string
)

// Look is what is known when rules are looked at. Fields that no rule needs may stay empty: Config.Needs says which.
type Look struct {
	Config Config
	// Project is its name; Chosen the environment's, "" for none.
	Project, Chosen string
	// Now is the time, in the project's zone.
	Now time.Time
	// Own is the run that this process has just ended, nil for none. It knows more of itself than the ledger does.
	Own *Run
	// Unbegun, when there are any, are commands that came to nothing before a run began. Nothing else is looked at then:
	// the project may be half of one.
	Unbegun []Finding
	// Unreachable is since when the database was not to be reached and people were told so without it; nil for not at all.
	Unreachable *time.Time
	// Exists reports whether a name is a node's.
	Exists func(name string) bool
	// Selected gives what a rule selects.
	Selected func(Rule) func(name string) bool
	CutOffs  []CutOff
	LastRuns map[string]LastRun // by rule
	Sizes    *Sizes
}

// Needs reports whether a rule that holds there is about a kind.
func (c Config) Needs(k Kind, environment string, apart bool) bool {
	return slices.ContainsFunc(c.Active(environment, apart), func(r Rule) bool { return r.Tells(k) })
}

// Active are the rules that hold in an environment and that reach somebody.
func (c Config) Active(environment string, apart bool) []Rule {
	var out []Rule
	for _, r := range c.Rules {
		if r.In(environment, apart) && len(c.reached(r)) > 0 {
			out = append(out, r)
		}
	}
	return out
}

// reached are the channels of a rule that are not off.
func (c Config) reached(r Rule) []string {
	var out []string
	for _, name := range r.To {
		if ch, ok := c.Channel(name); ok && !ch.Off() {
			out = append(out, name)
		}
	}
	return out
}

// Evaluate looks at the runs of which nothing was told yet and at the clock, and queues what the rules tell, all in one
// transaction. It returns how many messages it queued.
func (o *Outbox) Evaluate(ctx context.Context, look Look) (queued int, err error) {
	rules := look.Config.Active(look.Chosen, o.environment != "")
	if len(rules) == 0 {
		return 0, nil
	}
	err = pgx.BeginFunc(ctx, o.conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock(hashtextextended('terrace.alert', 0))"); err != nil {
			return fmt.Errorf("wait for others that look at alerts: %w", err)
		}
		e := evaluation{Outbox: o, look: look, tx: tx}
		about := topics()
		if len(look.Unbegun) > 0 {
			about = []topic{topicRun}
		} else if err := e.load(ctx, rules); err != nil {
			return err
		}
		for _, rule := range rules {
			for _, t := range about {
				if err := e.topic(ctx, rule, t); err != nil {
					return err
				}
			}
		}
		queued = e.queued
		return e.seen(ctx)
	})
	return queued, err
}

// evaluation is one Evaluate.
type evaluation struct {
	*Outbox
	look      Look
	tx        pgx.Tx
	runs      []Run // oldest first
	schedules []Schedule
	queued    int
}

// load reads what rules may be about.
func (e *evaluation) load(ctx context.Context, rules []Rule) error {
	rows, err := e.tx.Query(ctx, unseenRunsSQL, e.environment)
	if err != nil {
		return fmt.Errorf("find runs that were not looked at: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return fmt.Errorf("find runs that were not looked at: %w", err)
	}
	ledger := dag.NewLedger(e.tx)
	for _, id := range ids {
		if own := e.look.Own; own != nil && own.RunID == id {
			e.runs = append(e.runs, *own)
			continue
		}
		r := Run{}
		if r.RunInfo, err = ledger.Run(ctx, id); err != nil {
			return err
		}
		if !r.Ended() && !r.Lost() {
			continue
		}
		if r.Report, err = ledger.Report(ctx, id); err != nil {
			return err
		}
		e.runs = append(e.runs, r)
	}
	if !slices.ContainsFunc(rules, func(r Rule) bool { return r.Tells(Absent) }) {
		return nil
	}
	if rows, err = e.tx.Query(ctx, schedulesSQL); err != nil {
		return fmt.Errorf("read schedules: %w", err)
	}
	if e.schedules, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Schedule]); err != nil {
		return fmt.Errorf("read schedules: %w", err)
	}
	return nil
}

// seen notes that nobody need look at the runs again.
func (e *evaluation) seen(ctx context.Context) error {
	ids := []uuid.UUID{}
	for _, r := range e.runs {
		ids = append(ids, r.RunID)
	}
	if _, err := e.tx.Exec(ctx, "update terrace.run set alerts_seen = true where run_id = any($1)", ids); err != nil {
		return fmt.Errorf("note which runs were looked at: %w", err)
	}
	names := []string{}
	for _, r := range e.look.Config.Rules {
		names = append(names, r.Name)
	}
	if _, err := e.tx.Exec(ctx, "delete from terrace.alert_problem where environment = $1 and rule <> all($2)", e.environment, names); err != nil {
		return fmt.Errorf("forget rules that are gone: %w", err)
	}
	return nil
}

// topic looks at one rule and topic.
func (e *evaluation) topic(ctx context.Context, rule Rule, t topic) error {
	if !slices.ContainsFunc(rule.On, func(k Kind) bool { return k != Recovered && k.topic() == t }) {
		return nil
	}
	w, err := e.open(ctx, e.tx, rule, t)
	if err != nil {
		return err
	}
	before := slices.Clone(w.open)
	findings := e.unbegun(rule)
	if len(e.look.Unbegun) == 0 {
		selected := e.look.Selected(rule)
		e.forget(&w, selected)
		if findings, err = e.findings(ctx, rule, t, selected, w.open); err != nil {
			return err
		}
	}
	if t == topicRun && e.look.Unreachable != nil && rule.Tells(Error) {
		findings = append(findings, w.reachable(*e.look.Unreachable, e.look.Now))
	}
	for _, f := range findings {
		if f.Problem != nil {
			f.Problem.Message, f.Problem.Hint = e.redact(f.Problem.Message), e.redact(f.Problem.Hint)
		}
	}
	decided := w.look(findings, e.look.Now)
	if err := e.keep(ctx, e.tx, before, w, t); err != nil {
		return err
	}
	if decided.message == nil {
		return nil
	}
	m := e.complete(*decided.message, rule)
	for _, channel := range e.look.Config.reached(rule) {
		if err := e.put(ctx, e.tx, t, channel, m); err != nil {
			return err
		}
		e.queued++
	}
	return nil
}

// unbegun are the commands that came to nothing, as far as the rule is about their kind. They are told whatever it selects.
func (e *evaluation) unbegun(rule Rule) []Finding {
	var out []Finding
	for _, f := range e.look.Unbegun {
		if f.Problem != nil && rule.Tells(f.Problem.Kind) {
			p := *f.Problem
			out = append(out, Finding{Subject: f.Subject, At: f.At, Problem: &p})
		}
	}
	return out
}

// reachable takes in that people were told of a database that could not be reached, and says that it can.
func (w *watch) reachable(since, now time.Time) Finding {
	w.note(Finding{Subject: connectionSubject, At: since, Problem: &Problem{Kind: Error}})
	for i := range w.open {
		if w.open[i].Subject == connectionSubject {
			w.open[i].say(since)
		}
	}
	return Finding{Subject: connectionSubject, At: now}
}

// forget drops problems of nodes that the rule is not about any more, or that the project has not any more.
func (e *evaluation) forget(w *watch, selected func(string) bool) {
	w.open = slices.DeleteFunc(w.open, func(o Open) bool {
		node := !strings.HasPrefix(o.Subject, commandPrefix) && slices.Contains([]topic{topicRun, topicSlow, topicLate}, o.Kind.topic())
		return node && (!e.look.Exists(o.Subject) || !selected(o.Subject) && !slices.ContainsFunc(o.Skipped, selected))
	})
}

// findings are what there is to say of a rule and topic.
func (e *evaluation) findings(ctx context.Context, rule Rule, t topic, selected func(string) bool, open []Open) ([]Finding, error) {
	var out []Finding
	switch t {
	case topicRun:
		for _, r := range e.runs {
			out = append(out, r.findings(rule, selected, e.look.Now)...)
			out = append(out, r.retried(open)...)
		}
	case topicSlow:
		return e.slow(ctx, rule, selected)
	case topicLate:
		return late(rule, e.look.CutOffs, selected, e.look.Now), nil
	case topicAbsent:
		if last, ok := e.look.LastRuns[rule.Name]; ok && rule.Within > 0 {
			out = append(out, absent(rule, last, e.look.Now))
		}
		if rule.Select == "" {
			out = append(out, e.missed(open)...)
		}
	case topicDisk:
		return e.disk(ctx, rule)
	}
	return out, nil
}

// disk judges sizes, and asks for the largest relations only where there is something to tell.
func (e *evaluation) disk(ctx context.Context, rule Rule) ([]Finding, error) {
	if e.look.Sizes == nil {
		return nil, nil
	}
	sizes := *e.look.Sizes
	out := disk(rule, sizes, e.look.Now)
	if !slices.ContainsFunc(out, func(f Finding) bool { return f.Problem != nil }) {
		return out, nil
	}
	var err error
	if sizes.Largest, err = largest(ctx, e.tx); err != nil {
		return nil, err
	}
	return disk(rule, sizes, e.look.Now), nil
}

// retried says that a retry which came to its end makes up for runs that came to none.
func (r Run) retried(open []Open) []Finding {
	if r.Command != "retry" || r.EndedAt == nil {
		return nil
	}
	var out []Finding
	for _, o := range open {
		if strings.HasPrefix(o.Subject, commandPrefix) {
			out = append(out, Finding{Subject: o.Subject, At: *r.EndedAt})
		}
	}
	return out
}

// missed judges the schedules. One that was removed or paused is not missed any more.
func (e *evaluation) missed(open []Open) []Finding {
	var out []Finding
	for _, s := range e.schedules {
		out = append(out, missed(s, e.look.Now))
	}
	for _, o := range open {
		known := slices.ContainsFunc(out, func(f Finding) bool { return f.Subject == o.Subject })
		if !known && strings.HasPrefix(o.Subject, schedulePrefix) {
			out = append(out, Finding{Subject: o.Subject, At: e.look.Now})
		}
	}
	return out
}

func (e *evaluation) slow(ctx context.Context, rule Rule, selected func(string) bool) ([]Finding, error) {
	var out []Finding
	for _, r := range e.runs {
		paces, err := e.paces(ctx, r, r.paced(rule, selected))
		if err != nil {
			return nil, err
		}
		out = append(out, r.slow(rule, selected, paces)...)
	}
	return out, nil
}

// paces are how long the run, or steps of it, took before.
func (e *evaluation) paces(ctx context.Context, r Run, of []string) (map[string]Pace, error) {
	out := map[string]Pace{}
	if len(of) == 0 {
		return out, nil
	}
	sql, args := stepPacesSQL, []any{of, r.RunID, r.StartedAt}
	if of[0] == "" {
		sql, args = runPaceSQL, []any{r.Command, r.Arguments, r.Environment, r.RunID, r.StartedAt}
	}
	rows, err := e.tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("look how long runs took before: %w", err)
	}
	var name string
	var pace Pace
	if _, err := pgx.ForEachRow(rows, []any{&name, &pace.Median, &pace.Runs}, func() error {
		out[name] = pace
		return nil
	}); err != nil {
		return nil, fmt.Errorf("look how long runs took before: %w", err)
	}
	return out, nil
}
