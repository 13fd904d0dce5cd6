package site

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag"
	sched "github.com/terrace-elt/terrace/dag/schedule"
)

// askedFor is what was asked for, and what has become of it. Its JSON is what the API gives.
type askedFor struct {
	ID int64 `json:"id"`
	// Schedule is the one that it is of, "" where it was asked for without one.
	Schedule  string     `json:"schedule"`
	Arguments []string   `json:"command"`
	Status    string     `json:"status"`
	Reason    string     `json:"reason"`
	AskedAt   time.Time  `json:"asked_at"`
	AskedBy   string     `json:"asked_by"`
	StartedAt *time.Time `json:"started_at"`
	EndedAt   *time.Time `json:"ended_at"`
	Run       *uuid.UUID `json:"run_id"`
	Host      string     `json:"host"`
	PID       int        `json:"pid"`
	Log       string     `json:"log"`
	// Before says that one of the same name runs, which it waits for.
	Before bool `json:"waits_for_another"`
	// Workers is how many schedulers look for work.
	Workers int `json:"workers"`
	// Environment is where it runs, "" for production.
	Environment string `json:"environment,omitempty"`
}

// Command is what runs, as it would be typed.
func (a askedFor) Command() string { return "terrace " + strings.Join(a.Arguments, " ") }

// scheduleName is the name of a schedule; what was asked for without one has none.
func scheduleName(name string) string {
	if (sched.Occurrence{Schedule: name}).IsAsked() {
		return ""
	}
	return name
}

// errNeverAsked says that there is no such occurrence.
var errNeverAsked = errors.New("nothing like that was asked for")

func readAsked(ctx context.Context, tx pgx.Tx, id int64) (askedFor, error) {
	rows, err := tx.Query(ctx, `select
    o.occurrence_id, o.schedule, o.arguments, o.status, o.reason, o.scheduled_for, o.asked_by, o.started_at, o.ended_at, o.run_id, o.host, o.pid, o.log,
    exists (select from terrace.occurrence as r where r.schedule = o.schedule and r.status = 'running' and r.occurrence_id <> o.occurrence_id),
    (select count(*)::integer from pg_stat_activity as a where a.datname = current_database() and a.application_name = rtrim($2 || ' ' || o.environment)),
    o.environment
from terrace.occurrence as o
where o.occurrence_id = $1`, id, sched.SessionName(""))
	if err != nil {
		return askedFor{}, fmt.Errorf("read what was asked for: %w", err)
	}
	found, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[askedFor])
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return found, errNeverAsked
	case err != nil:
		return found, fmt.Errorf("read what was asked for: %w", err)
	}
	found.Schedule = scheduleName(found.Schedule)
	return found, nil
}

// wasAsked finds what an address names.
func (v *view) wasAsked() (askedFor, error) {
	missing := notFound(v.T("Nothing like that was asked for."))
	id, err := strconv.ParseInt(v.name, 10, 64)
	if err != nil {
		return askedFor{}, missing
	}
	found, err := readAsked(v.ctx, v.tx, id)
	if errors.Is(err, errNeverAsked) {
		return found, missing
	}
	return found, err
}

func (h *server) apiAsked(_ *http.Request, v *view) (any, error) { return v.wasAsked() }

// showAsked shows what becomes of what was asked for: its run, as soon as there is one.
func (h *server) showAsked(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseInt(r.PathValue("name"), 10, 64)
	if err == nil && !r.URL.Query().Has("again") {
		var found askedFor
		err = h.source.Read(r.Context(), func(tx pgx.Tx) error {
			found, err = readAsked(r.Context(), tx, id)
			return err
		})
		if err == nil && found.Run != nil {
			http.Redirect(w, r, link(false, pageRun, found.Run.String()), http.StatusSeeOther)
			return
		}
	}
	r.SetPathValue("page", pageAsked)
	h.page(w, r)
}

// askedPage is what was asked for.
type askedPage struct {
	askedFor
	Open bool
	// Again says that it was there before somebody asked for it.
	Again bool
	// Output is the end of what it printed, where no run began that could say what is wrong.
	Output string
}

func (s *Site) asked(v *view) (body, error) {
	found, err := v.wasAsked()
	if err != nil {
		return body{}, err
	}
	p := askedPage{askedFor: found, Open: slices.Contains([]string{"due", "running"}, found.Status), Again: v.query.Has("again")}
	if v.asks != nil && found.EndedAt != nil && found.Run == nil {
		p.Output = dag.WithoutExample(v.asks.Output(found.Host, found.Log))
	}
	return body{Title: cmp.Or(found.Schedule, found.Command()), Template: "asked", Data: p, Refresh: while(p.Open, refreshWaiting)}, nil
}
