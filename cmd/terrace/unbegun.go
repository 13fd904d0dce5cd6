package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/terrace-elt/terrace/dag/alert"
	"github.com/terrace-elt/terrace/dag/model/strict"
)

// alertUnbegun tells that a command came to nothing before a run began: the database was not there, or the project has
// mistakes. At a terminal the one who typed it has read so; from cron nobody has.
func (a *App) alertUnbegun(ctx context.Context, r request, cause error) {
	if ctx.Err() != nil || a.Dir == "" || terminal(a.Stderr) || r.command == "serve" { // which watches by itself
		return
	}
	p := a.read()
	if p.Project == nil || len(p.alerts.Active(a.settings.environment, p.apart(a) != "")) == 0 {
		return
	}
	conn, err := a.openDatabase(ctx)
	if err != nil {
		a.alertUnreachable(ctx, p, r.command, err)
		return
	}
	defer hangUp(conn)
	kind := alert.Failure
	if exitCode(ctx, cause) == exitSurroundings {
		kind = alert.Error
	}
	now := a.Now().In(p.zone())
	problem := alert.Problem{Kind: kind, Message: "nothing was run: " + firstMistake(cause), Hint: hintOf(cause)}
	look := alert.Look{
		Config: p.alerts.Config, Project: p.Config.Name, Chosen: a.settings.environment, Now: now,
		Unbegun: []alert.Finding{{Subject: alert.Command(r.command, r.include()...), At: now, Problem: &problem}},
	}
	if _, err := a.outbox(p, conn).Evaluate(ctx, look); err != nil {
		a.Log.Warn("nobody was alerted", "error", a.redact(message(err)))
		return
	}
	a.sendAlerts(ctx, p, conn, true)
}

// firstMistake is the error in a line, with the first of several mistakes.
func firstMistake(err error) string {
	text := message(err)
	var problems *problemsError
	if errors.As(err, &problems) {
		for _, p := range problems.problems {
			if p.Severity == strict.Error {
				return text + ", first " + placeOf(p.File, p.Line, p.Col) + p.Message
			}
		}
	}
	return text
}

// unreachable is what is kept in the project's folder while the database cannot be reached.
type unreachable struct {
	Since  time.Time `json:"since"`
	ToldAt time.Time `json:"told_at"`
}

func (a *App) unreachableFile() string { return filepath.Join(a.Dir, ".terrace", "unreachable.json") }

// unreachable reads what was kept, nil for nothing.
func (a *App) unreachable() *unreachable {
	text, err := os.ReadFile(a.unreachableFile())
	if err != nil {
		return nil
	}
	var was unreachable
	if json.Unmarshal(text, &was) != nil {
		return nil // half of a file: it is written anew
	}
	return &was
}

// alertUnreachable tells that the database cannot be reached, not more often than rules repeat themselves.
func (a *App) alertUnreachable(ctx context.Context, p *project, command string, cause error) {
	now := a.Now().In(p.zone())
	is := unreachable{Since: now, ToldAt: now}
	if was := a.unreachable(); was != nil {
		if now.Sub(was.ToldAt) < p.repeatsErrors(a) {
			return
		}
		is.Since = was.Since.In(p.zone())
	}
	host, _ := os.Hostname() // a name for people; without one there is none
	m := alert.Message{
		Project: p.Config.Name, Environment: alert.Production, Command: command, Host: host, At: now, Repeated: is.Since.Before(now),
	}
	if a.settings.environment != "" {
		m.Environment = a.settings.environment
	}
	err := alert.Unreachable(ctx, alert.NewSender(a.Now), p.alerts.Config, p.apart(a) != "", m, a.redact(message(cause)), is.Since)
	switch {
	case errors.Is(err, alert.ErrNobody):
		return
	case err != nil:
		a.Log.Warn("an alert was not sent; the next command tries again", "error", a.redact(err.Error()))
		return
	}
	text, err := json.Marshal(is)
	if err == nil {
		err = errors.Join(os.MkdirAll(filepath.Dir(a.unreachableFile()), 0o755), os.WriteFile(a.unreachableFile(), text, 0o644))
	}
	if err != nil {
		a.Log.Warn("the next command alerts again, since that it was told cannot be kept", "error", err.Error())
	}
}

// repeatsErrors is the shortest time after which a rule tells an error again.
func (p *project) repeatsErrors(a *App) time.Duration {
	var shortest time.Duration
	for _, r := range p.alerts.Active(a.settings.environment, p.apart(a) != "") {
		if r.Tells(alert.Error) && (shortest == 0 || r.RepeatAfter < shortest) {
			shortest = r.RepeatAfter
		}
	}
	return shortest
}

// zone is the project's time zone.
func (p *project) zone() *time.Location {
	zone, err := time.LoadLocation(p.Config.Timezone)
	if err != nil {
		return time.UTC // reading the project has told
	}
	return zone
}
