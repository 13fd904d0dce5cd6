package alert

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// Outbox keeps what is wrong and what waits to be sent. One is used by one goroutine at a time.
type Outbox struct {
	conn *pgx.Conn
	// environment is '' for production, else the one that is built beside it.
	environment string
	// redact takes secrets out of what is kept.
	redact func(string) string
}

// NewOutbox returns the outbox of a migrated database, for production ("") or an environment that is built beside it.
// Everything that it keeps has passed through redact.
func NewOutbox(conn *pgx.Conn, environment string, redact func(string) string) *Outbox {
	return &Outbox{conn: conn, environment: environment, redact: redact}
}

var (
	//go:embed sql/load_problems.sql
	loadProblemsSQL string
	//go:embed sql/save_problem.sql
	saveProblemSQL string
	//go:embed sql/supersede.sql
	supersedeSQL string
	//go:embed sql/queue.sql
	queueSQL string
	//go:embed sql/claim.sql
	claimSQL string
	//go:embed sql/mark_sent.sql
	markSentSQL string
	//go:embed sql/mark_unsent.sql
	markUnsentSQL string
	//go:embed sql/expire.sql
	expireSQL string
	//go:embed sql/list.sql
	listSQL string
)

// open loads what a rule knows of one topic.
func (o *Outbox) open(ctx context.Context, tx pgx.Tx, rule Rule, t topic) (watch, error) {
	w := watch{rule: rule}
	rows, err := tx.Query(ctx, loadProblemsSQL, o.environment, rule.Name, t)
	if err != nil {
		return w, fmt.Errorf("load problems of rule %s: %w", rule.Name, err)
	}
	w.open, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (Open, error) {
		var p Open
		var subject string
		var since time.Time
		err := row.Scan(&subject, &since, &p.ToldAt, &p.Unsaid, &p.Problem)
		p.Subject, p.Since = subject, since
		return p, err
	})
	if err != nil {
		return w, fmt.Errorf("load problems of rule %s: %w", rule.Name, err)
	}
	return w, nil
}

// keep stores what a rule knows of a topic now, in the place of what it knew before.
func (o *Outbox) keep(ctx context.Context, tx pgx.Tx, before []Open, w watch, t topic) error {
	batch := &pgx.Batch{}
	for _, b := range before {
		if !slices.ContainsFunc(w.open, func(n Open) bool { return n.Subject == b.Subject }) {
			batch.Queue(`delete from terrace.alert_problem
where environment = $1 and rule = $2 and topic = $3 and subject = $4`, o.environment, w.rule.Name, t, b.Subject)
		}
	}
	for _, n := range w.open {
		batch.Queue(saveProblemSQL, o.environment, w.rule.Name, t, n.Subject, n.Since, n.ToldAt, n.Unsaid, n.Problem)
	}
	if batch.Len() == 0 {
		return nil
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("keep problems of rule %s: %w", w.rule.Name, err)
	}
	return nil
}

// put queues a message for a channel. What waits there of the same rule and topic is not sent any more: what it told
// and what still goes on is told by this one.
func (o *Outbox) put(ctx context.Context, tx pgx.Tx, t topic, channel string, m Message) error {
	var before *Message
	err := tx.QueryRow(ctx, supersedeSQL, o.environment, m.Rule, t, channel).Scan(&before)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("replace what waits for %s: %w", channel, err)
	}
	if before != nil {
		m = m.absorb(*before)
	}
	if _, err := tx.Exec(ctx, queueSQL, o.environment, m.Rule, t, channel, m.Event, m); err != nil {
		return fmt.Errorf("queue a message for %s: %w", channel, err)
	}
	return nil
}

// absorb tells also what an older message would have told.
func (m Message) absorb(older Message) Message {
	var still []Problem
	for _, p := range m.Still {
		untold := slices.ContainsFunc(older.Problems, func(q Problem) bool { return q.Subject == p.Subject })
		if untold {
			m.Problems = append(slices.Clone(m.Problems), p)
		} else {
			still = append(still, p)
		}
	}
	m.Still = still
	m.Suppressed += older.Suppressed
	return m.titled()
}

// Waiting is a message of the outbox, for people.
type Waiting struct {
	ID        int64      `json:"id"`
	Rule      string     `json:"rule"`
	Channel   string     `json:"channel"`
	Event     Kind       `json:"event"`
	Status    string     `json:"status"` // pending, sending, sent, suppressed, failed
	Reason    string     `json:"reason,omitempty"`
	CreatedAt time.Time  `json:"created_at"`
	SentAt    *time.Time `json:"sent_at"`
	Attempts  int        `json:"attempts"`
	Message   Message    `json:"message"`
}

// List returns the newest messages, newest first.
func (o *Outbox) List(ctx context.Context, limit int) ([]Waiting, error) {
	rows, err := o.conn.Query(ctx, listSQL, o.environment, limit)
	if err != nil {
		return nil, fmt.Errorf("list alerts: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Waiting])
	if err != nil {
		return nil, fmt.Errorf("list alerts: %w", err)
	}
	return all, nil
}

// Known is a problem that goes on, for people.
type Known struct {
	Rule string `json:"rule"`
	Problem
	ToldAt *time.Time `json:"told_at"`
	// Untold is how often it was found since it was told.
	Untold int `json:"untold"`
}

// Problems returns what goes on, by rule and subject.
func (o *Outbox) Problems(ctx context.Context) ([]Known, error) {
	rows, err := o.conn.Query(ctx, `select p.rule, p.problem, p.since, p.told_at, p.unsaid
from terrace.alert_problem as p
where p.environment = $1
order by p.rule, p.topic, p.subject`, o.environment)
	if err != nil {
		return nil, fmt.Errorf("list problems: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Known, error) {
		var k Known
		var since time.Time
		err := row.Scan(&k.Rule, &k.Problem, &since, &k.ToldAt, &k.Untold)
		k.Since = since
		return k, err
	})
	if err != nil {
		return nil, fmt.Errorf("list problems: %w", err)
	}
	return all, nil
}
