package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/terrace-elt/terrace/dag/alert"
	"github.com/terrace-elt/terrace/dag/model/strict"
)

// AlertsCmd is terrace alerts.
type AlertsCmd struct {
	List  AlertsListCmd  `cmd:"" default:"withargs" help:"List messages, the newest first, and what goes on."`
	Test  AlertsTestCmd  `cmd:"" help:"Send a test message, to one channel or to all."`
	Check AlertsCheckCmd `cmd:"" help:"Look now whether there is something to tell, and send what waits: for cron, where terrace serve does not run."`
}

// AlertsListCmd is terrace alerts list.
type AlertsListCmd struct {
	Limit uint `default:"20" help:"Messages to list."`
}

// alertsDocument is what list prints as JSON.
type alertsDocument struct {
	Messages []alert.Waiting `json:"messages"`
	Problems []alert.Known   `json:"problems"`
}

// Run implements the command.
func (c *AlertsListCmd) Run(ctx context.Context, a *App) error {
	p, conn, err := a.openAlerts(ctx)
	if err != nil {
		return err
	}
	defer hangUp(conn)
	outbox := a.outbox(p, conn)
	out := alertsDocument{}
	if out.Messages, err = outbox.List(ctx, int(c.Limit)); err != nil {
		return err
	}
	if out.Problems, err = outbox.Problems(ctx); err != nil {
		return err
	}
	if a.JSON {
		return a.printJSON(out)
	}
	a.printAlerts(out)
	return nil
}

// openAlerts opens the database of the project, mistakes of which do not keep anybody from looking.
func (a *App) openAlerts(ctx context.Context) (*project, *pgx.Conn, error) {
	p, err := a.load()
	if err != nil {
		return nil, nil, err
	}
	conn, err := a.openDatabase(ctx)
	return p, conn, err
}

func (a *App) printAlerts(out alertsDocument) {
	if len(out.Messages)+len(out.Problems) == 0 {
		a.printf("no alerts")
		return
	}
	if len(out.Messages) > 0 {
		t := newTable(a.Stdout, "WRITTEN", "STATUS", "CHANNEL", "RULE", "TITLE", "WHY")
		for _, m := range out.Messages {
			why := a.redact(m.Reason)
			if m.Attempts > 1 {
				why = strings.TrimSpace(fmt.Sprintf("%s (%d attempts)", why, m.Attempts))
			}
			t.AppendRow(table.Row{a.at(m.CreatedAt), m.Status, m.Channel, m.Rule, a.redact(m.Message.Title), why})
		}
		t.Render()
	}
	if len(out.Problems) == 0 {
		return
	}
	if len(out.Messages) > 0 {
		a.printf("")
	}
	t := newTable(a.Stdout, "GOES ON", "KIND", "SINCE", "RULE", "TOLD", "NOT TOLD AGAIN", "CAUSE")
	for _, k := range out.Problems {
		told := ""
		if k.ToldAt != nil {
			told = a.at(*k.ToldAt)
		}
		t.AppendRow(table.Row{k.Subject, k.Kind, a.at(k.Since), k.Rule, told, k.Untold, a.redact(k.Message)})
	}
	t.Render()
}

// AlertsTestCmd is terrace alerts test.
type AlertsTestCmd struct {
	Channel string `arg:"" optional:"" help:"Channel of terrace.yml (default: all)."`
}

// tried is what became of a test message.
type tried struct {
	Channel string     `json:"channel"`
	Type    alert.Type `json:"type"`
	Where   string     `json:"where"`
	Status  string     `json:"status"` // sent, off, failed
	Error   string     `json:"error,omitempty"`
}

// Run implements the command. It needs no database: whether a channel works can be told before there is one.
func (c *AlertsTestCmd) Run(ctx context.Context, a *App) error {
	p, err := a.load()
	if err != nil {
		return err
	}
	channels, err := c.channels(p.alerts.Config)
	if err != nil {
		return err
	}
	sender := alert.NewSender(a.Now)
	out := make([]tried, 0, len(channels))
	failed := 0
	for _, channel := range channels {
		t := tried{Channel: channel.Name, Type: channel.Type, Where: a.redact(channel.Where()), Status: "sent"}
		if channel.Off() {
			t.Status = "off"
		} else if err := sender.Send(ctx, channel, fmt.Sprintf("test-%d", a.Now().UnixNano()), a.testMessage(p)); err != nil {
			t.Status, t.Error = "failed", a.redact(err.Error())
			failed++
		}
		out = append(out, t)
	}
	if err := a.printTried(out); err != nil {
		return err
	}
	switch {
	case failed > 0:
		return &surroundingsError{
			err:  fmt.Errorf("%d of %s did not take the message", failed, counted(len(out), "channel")),
			hint: "Compare address and secret with what the robot, the app or the mail server shows.",
		}
	case c.Channel != "" && out[0].Status == "off":
		return &inputError{message: fmt.Sprintf("channel %q is off: its address is empty", c.Channel), hint: "Set the variable that its address in terrace.yml names, in .env or in the environment."}
	default:
		return nil
	}
}

func (c *AlertsTestCmd) channels(config alert.Config) ([]alert.Channel, error) {
	if len(config.Channels) == 0 {
		return nil, &inputError{message: "terrace.yml declares no channels", hint: "docs/SETTINGS.md, Alerts, shows how."}
	}
	if c.Channel == "" {
		return config.Channels, nil
	}
	channel, ok := config.Channel(c.Channel)
	if !ok {
		names := []string{}
		for _, ch := range config.Channels {
			names = append(names, ch.Name)
		}
		slices.Sort(names)
		return nil, &inputError{message: fmt.Sprintf("there is no channel %q", c.Channel), hint: strict.Suggest(c.Channel, names, "There are: ")}
	}
	return []alert.Channel{channel}, nil
}

func (a *App) testMessage(p *project) alert.Message {
	return alert.TestMessage(p.Config.Name, a.settings.environment, a.Now())
}

func (a *App) printTried(out []tried) error {
	if a.JSON {
		return a.printJSON(out)
	}
	t := newTable(a.Stdout, "CHANNEL", "TYPE", "STATUS", "WHERE", "WHY")
	for _, r := range out {
		t.AppendRow(table.Row{r.Channel, r.Type, r.Status, r.Where, r.Error})
	}
	t.Render()
	return nil
}

// AlertsCheckCmd is terrace alerts check.
type AlertsCheckCmd struct{}

// checkedAlerts is what check prints as JSON.
type checkedAlerts struct {
	Sent    int      `json:"sent"`
	Waiting []tried  `json:"waiting"`
	Rules   []string `json:"rules"`
}

// Run implements the command. That there is something to tell is no failure of it; that nobody could be told is one.
func (c *AlertsCheckCmd) Run(ctx context.Context, a *App) error {
	p, conn, err := a.openAlerts(ctx)
	if err != nil {
		return err
	}
	defer hangUp(conn)
	rules := p.alerts.Active(a.settings.environment, p.apart(a) != "")
	if len(rules) == 0 {
		fmt.Fprintln(a.Stderr, "no rule of terrace.yml holds here and has a channel that is not off")
	} else if err := a.lookAtAlerts(ctx, p, conn, nil); err != nil {
		return err
	}
	sent, unsent, err := a.outbox(p, conn).Deliver(ctx, alert.NewSender(a.Now), p.alerts.Channels, true)
	if err != nil {
		return err
	}
	out := checkedAlerts{Sent: sent, Waiting: []tried{}, Rules: []string{}}
	for _, r := range rules {
		out.Rules = append(out.Rules, r.Name)
	}
	var failures []error
	for _, u := range unsent {
		out.Waiting = append(out.Waiting, tried{
			Channel: u.Channel.Name, Type: u.Channel.Type, Where: a.redact(u.Channel.Where()), Status: "pending", Error: a.redact(u.Err.Error()),
		})
		failures = append(failures, fmt.Errorf("channel %s: %w", u.Channel.Name, u.Err))
	}
	if err := a.printChecked(out); err != nil {
		return err
	}
	if len(failures) > 0 {
		return &surroundingsError{err: errors.Join(failures...), hint: "What waits is sent by the next command; terrace alerts lists it."}
	}
	return nil
}

func (a *App) printChecked(out checkedAlerts) error {
	if a.JSON {
		return a.printJSON(out)
	}
	a.printf("%s looked at, %s sent", counted(len(out.Rules), "rule"), counted(out.Sent, "message"))
	return nil
}
