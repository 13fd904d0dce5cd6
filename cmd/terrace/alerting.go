package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/alert"
	"github.com/terrace-elt/terrace/dag/model/strict"
	"github.com/terrace-elt/terrace/ods"
)

// alerting is what terrace.yml says of alerts, and what its rules select.
type alerting struct {
	alert.Config
	// selected are the nodes of each rule that has a selector, by the rule's name.
	selected map[string]dag.Selection
	// graph is the project's own, also where an environment has another.
	graph *dag.Graph
}

// readAlerts reads the section, hides what is secret in it, and looks whether its selectors select something.
func (p *project) readAlerts(a *App) []strict.Problem {
	environments := make([]string, 0, len(p.Config.Environments))
	for name := range p.Config.Environments {
		environments = append(environments, name)
	}
	slices.Sort(environments)
	config, problems := alert.Parse(p.Config.Alerts, environments)
	for _, secret := range config.Secrets() {
		a.secrets.addValue(secret)
	}
	p.alerts = alerting{Config: config, selected: map[string]dag.Selection{}, graph: p.graph}
	for _, rule := range config.Rules {
		if rule.Select == "" || p.graph == nil {
			continue
		}
		selected, err := p.graph.Select(dag.SelectContext{Selectors: p.Config.Selectors}, []string{rule.Select}, nil)
		if err != nil {
			problems = append(problems, strict.Problem{
				File: "terrace.yml", Line: rule.SelectPos.Line, Col: rule.SelectPos.Col, Severity: strict.Error,
				Message: fmt.Sprintf("rule %q of alerts: %s", rule.Name, err), Hint: "terrace ls SELECTOR shows what a selector selects",
			})
		}
		p.alerts.selected[rule.Name] = selected
	}
	return problems
}

// alertTimeout bounds what is decided about alerts after a run; sending has bounds of its own.
const alertTimeout = 10 * time.Second

// alert decides what is told of a run that has ended, and prepares the sending. Nothing that goes wrong here changes how
// the run ended.
func (w *work) alert(ctx context.Context, info dag.RunInfo, report dag.Report) {
	a, p := w.app, w.project
	if len(p.alerts.Active(a.settings.environment, p.apart(a) != "")) == 0 {
		return
	}
	ended := a.Now()
	info.EndedAt, info.Status = &ended, string(report.Status)
	if err := a.lookAtAlerts(ctx, p, w.conn, &alert.Run{RunInfo: info, Report: report}); err != nil {
		a.Log.Warn("alerts of this run are left to the next command", "error", a.redact(message(err)))
		return
	}
	if w.request.command != "serve" { // it sends beside its runs, which need not wait
		w.tell = func() { a.sendAlerts(ctx, p, w.conn, true) }
	}
}

// outbox is that of the project's environment.
func (a *App) outbox(p *project, conn *pgx.Conn) *alert.Outbox {
	return alert.NewOutbox(conn, p.apart(a), a.redact)
}

// lookAtAlerts queues what there is to tell. It goes on for a moment when the command is stopped.
func (a *App) lookAtAlerts(ctx context.Context, p *project, conn *pgx.Conn, own *alert.Run) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), alertTimeout)
	defer cancel()
	look := alert.Look{
		Config: p.alerts.Config, Project: p.Config.Name, Chosen: a.settings.environment, Now: a.Now().In(p.zone()), Own: own,
		Exists:   func(name string) bool { return p.alerts.graph.Node(p.plainName(a, name)) != nil },
		Selected: func(r alert.Rule) func(string) bool { return p.selectedBy(a, r) },
		LastRuns: map[string]alert.LastRun{},
	}
	if was := a.unreachable(); was != nil {
		look.Unreachable = &was.Since
	}
	if err := a.lookAtClock(ctx, p, conn, &look); err != nil {
		return err
	}
	if _, err := a.outbox(p, conn).Evaluate(ctx, look); err != nil {
		return err
	}
	if look.Unreachable != nil {
		_ = os.Remove(a.unreachableFile()) // a second "recovered" does no harm
	}
	return nil
}

// plainName is a node's name without the environment's.
func (p *project) plainName(a *App, name string) string {
	if env := p.apart(a); env != "" {
		return strings.TrimPrefix(name, dag.EnvironmentName(env, ""))
	}
	return name
}

func (p *project) selectedBy(a *App, rule alert.Rule) func(string) bool {
	if rule.Select == "" {
		return func(string) bool { return true }
	}
	return func(name string) bool { return p.alerts.selected[rule.Name].Has(p.plainName(a, name)) }
}

// lookAtClock asks for what no run says, as far as rules need it.
func (a *App) lookAtClock(ctx context.Context, p *project, conn *pgx.Conn, look *alert.Look) error {
	needs := func(k alert.Kind) bool { return p.alerts.Needs(k, a.settings.environment, p.apart(a) != "") }
	if needs(alert.Late) {
		cutOffs, err := ods.CutOffs(ctx, conn)
		if err != nil {
			return err
		}
		for _, c := range cutOffs {
			if p.streams[c.Stream] == nil {
				continue // of another project, or gone from this one
			}
			late := alert.CutOff{Stream: c.Stream, Variant: c.Variant, UpTo: c.Watermark, ReadAt: c.LastEnded}
			if c.Usual != nil {
				late.Usual = *c.Usual
			}
			look.CutOffs = append(look.CutOffs, late)
		}
	}
	if needs(alert.Absent) {
		if err := a.lastRuns(ctx, p, conn, look); err != nil {
			return err
		}
	}
	if needs(alert.Disk) {
		sizes, err := alert.Measure(ctx, conn)
		if err != nil {
			return err
		}
		sizes.Space = space(ctx, conn)
		look.Sizes = &sizes
	}
	return nil
}

// absentRuns is how many runs are looked through for one that did what a rule waits for.
const absentRuns = 1000

// lastRuns finds for each rule with a time the last run that ended well and did all that the rule selects.
func (a *App) lastRuns(ctx context.Context, p *project, conn *pgx.Conn, look *alert.Look) error {
	if !slices.ContainsFunc(p.alerts.Rules, func(r alert.Rule) bool { return r.Within > 0 }) {
		return nil
	}
	runs, err := dag.NewLedger(conn).Runs(ctx, absentRuns)
	if err != nil {
		return err
	}
	runs = slices.DeleteFunc(runs, func(r dag.RunInfo) bool { return r.Environment != p.apart(a) })
	if len(runs) == 0 {
		return nil
	}
	for _, rule := range p.alerts.Rules {
		if rule.Within == 0 {
			continue
		}
		last := alert.LastRun{Since: runs[len(runs)-1].StartedAt}
		at := slices.IndexFunc(runs, func(r dag.RunInfo) bool { return p.did(r, rule) })
		if at >= 0 {
			last.At = runs[at].EndedAt
		}
		look.LastRuns[rule.Name] = last
	}
	return nil
}

// did reports whether a run ended well and had all of a rule's nodes to act on; of a rule without a selector any that
// acted on anything did.
func (p *project) did(r dag.RunInfo, rule alert.Rule) bool {
	well := r.Status == string(dag.Success) || r.Status == string(dag.PartialSuccess)
	if !well || !r.Ended() || !slices.Contains([]string{"update", "run", "extract"}, r.Command) {
		return false
	}
	if rule.Select == "" {
		return true
	}
	asked := askedOf(r)
	selected, err := p.alerts.graph.Select(dag.SelectContext{Selectors: p.Config.Selectors, AllowEmpty: true}, asked.Select, asked.Exclude)
	if err != nil {
		return false // it asked for what was there then, or for a state
	}
	for _, n := range p.alerts.selected[rule.Name].Nodes() {
		if n.Kind == dag.KindAssertion {
			continue
		}
		acted := asked.Models
		if n.Kind == dag.KindStream && !n.Stream.External {
			acted = asked.Extract
		}
		if !acted || !selected.Has(n.Name) {
			return false
		}
	}
	return true
}

// space looks at the disk under the database, where that is this machine's: reached over a socket or loopback, with a
// folder that is here.
func space(ctx context.Context, conn *pgx.Conn) *alert.Space {
	host := conn.Config().Host
	ip := net.ParseIP(host)
	if !strings.HasPrefix(host, "/") && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil
	}
	var dir string
	if err := conn.QueryRow(ctx, "show data_directory").Scan(&dir); err != nil {
		return nil // who may not see it learns nothing of it
	}
	return spaceOf(dir)
}

// sendAlerts sends what waits and says what could not be sent. A command that was stopped leaves it to the next.
func (a *App) sendAlerts(ctx context.Context, p *project, conn *pgx.Conn, eager bool) {
	if ctx.Err() != nil {
		return
	}
	sent, unsent, err := a.outbox(p, conn).Deliver(ctx, alert.NewSender(a.Now), p.alerts.Channels, eager)
	if sent > 0 {
		a.Log.Info("alerts sent", "messages", sent)
	}
	for _, u := range unsent {
		a.Log.Warn("an alert was not sent; the next command tries again", "channel", u.Channel.Name, "error", a.redact(u.Err.Error()), "waiting", u.Messages)
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		a.Log.Warn("alerts were not sent", "error", a.redact(message(err)))
	}
}

// How often a process that stays sends what waits, how often it looks at the clock, and how often in a row the database may be away
// before anybody is told: a restart is no news.
const (
	sendEvery = 15 * time.Second
	lookEvery = time.Minute
	refusals  = 5
)

// withAlerts does what stays for long, and watches alerts beside it.
func (a *App) withAlerts(ctx context.Context, do func() error) error {
	watching, stop := context.WithCancel(ctx)
	var told sync.WaitGroup
	told.Go(func() { a.watchAlerts(watching) })
	defer told.Wait()
	defer stop()
	return do()
}

// watchAlerts sends alerts and looks at the clock until the context is over. The project is read anew for each look, as for
// runs: who changes a rule need not start anew.
func (a *App) watchAlerts(ctx context.Context) {
	w := alertWatch{App: a}
	for ; ctx.Err() == nil; pauseFor(ctx, sendEvery) {
		w.turn(ctx)
	}
}

// alertWatch is one watchAlerts.
type alertWatch struct {
	*App
	project *project
	looked  time.Time
	refused int
}

// turn looks, when it is time to, and sends what waits.
func (w *alertWatch) turn(ctx context.Context) {
	look := w.Now().Sub(w.looked) >= lookEvery
	if look {
		w.looked = w.Now()
		if p, err := w.load(); err == nil {
			w.project = p // what is wrong with a project is told by the next run, and the rules of before hold meanwhile
		}
	}
	p := w.project
	if p == nil || len(p.alerts.Active(w.settings.environment, p.apart(w.App) != "")) == 0 {
		return
	}
	conn, err := w.openDatabase(ctx)
	if err != nil {
		if w.refused++; w.refused >= refusals && ctx.Err() == nil {
			w.alertUnreachable(ctx, p, "serve", err)
		}
		return
	}
	defer hangUp(conn)
	w.refused = 0
	if look {
		if err := w.lookAtAlerts(ctx, p, conn, nil); err != nil && ctx.Err() == nil {
			w.Log.Warn("alerts were not looked at", "error", w.redact(message(err)))
		}
	}
	w.sendAlerts(ctx, p, conn, false)
}

func pauseFor(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
