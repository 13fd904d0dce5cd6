package alert

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// Unsent is a channel that took nothing.
type Unsent struct {
	Channel Channel
	Err     error
	// Messages is how many of them wait.
	Messages int
}

// claimed is a message that this process is to send.
type claimed struct {
	id       int64
	attempts int
	message  Message
}

// The pauses between attempts that nobody asks for.
const (
	firstPause = 30 * time.Second
	mostPause  = time.Hour
)

// pause is how long to wait after so many attempts.
func pause(attempts int) time.Duration {
	return min(firstPause<<min(attempts-1, 10), mostPause)
}

// deliverTimeout bounds one round of sending, all channels together.
const deliverTimeout = 10 * time.Second

// Deliver sends what waits, to all channels at once. A channel that does not take a message is left alone for the rest
// of the round. With eager, what is not due yet is tried as well: a command that ends tries once. It takes ten seconds at
// most. The error is the database's; what channels said is returned, by channel.
//
// A message is sent once; where a process ends, or loses the database, between a channel's answer and its record, it is
// sent again, under the same id.
func (o *Outbox) Deliver(ctx context.Context, s *Sender, channels []Channel, eager bool) (sent int, unsent []Unsent, err error) {
	if _, err := o.conn.Exec(ctx, expireSQL, o.environment); err != nil {
		return 0, nil, fmt.Errorf("look through the outbox: %w", err)
	}
	work := map[string][]claimed{}
	for _, c := range channels {
		if c.Off() {
			continue
		}
		if work[c.Name], err = o.claim(ctx, c, eager); err != nil {
			return 0, nil, err
		}
	}
	sending, cancel := context.WithTimeout(ctx, deliverTimeout)
	defer cancel()
	outcomes := make(chan outcome)
	var wait sync.WaitGroup
	for _, c := range channels {
		if len(work[c.Name]) > 0 {
			wait.Go(func() { s.sendAll(sending, c, work[c.Name], outcomes) })
		}
	}
	go func() { wait.Wait(); close(outcomes) }()
	for done := range outcomes { // to the end: the senders wait for it
		n, failed, markErr := o.mark(ctx, done)
		sent += n
		err = errors.Join(err, markErr)
		if failed != nil {
			unsent = append(unsent, *failed)
		}
	}
	slices.SortFunc(unsent, func(a, b Unsent) int { return cmp.Compare(a.Channel.Name, b.Channel.Name) })
	return sent, unsent, err
}

// claim takes messages for a channel so that no other process sends them.
func (o *Outbox) claim(ctx context.Context, c Channel, eager bool) ([]claimed, error) {
	var out []claimed
	err := pgx.BeginFunc(ctx, o.conn, func(tx pgx.Tx) error {
		// Two that count at once would both find room.
		if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock(hashtextextended('terrace.alert:' || $1, 0))", c.Name); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, claimSQL, o.environment, c.Name, eager, c.PerMinute)
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (claimed, error) {
			var m claimed
			return m, row.Scan(&m.id, &m.attempts, &m.message)
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claim messages for %s: %w", c.Name, err)
	}
	slices.SortFunc(out, func(a, b claimed) int { return cmp.Compare(a.id, b.id) })
	return out, nil
}

// outcome is what became of the messages of one attempt: one that was sent, or one that was not and those behind it.
type outcome struct {
	channel Channel
	tried   claimed
	left    []claimed
	err     error
}

// sendAll sends one after the other, until one is not taken.
func (s *Sender) sendAll(ctx context.Context, c Channel, messages []claimed, out chan<- outcome) {
	for i, m := range messages {
		err := s.Send(ctx, c, strconv.FormatInt(m.id, 10), m.message)
		if err != nil {
			out <- outcome{c, m, messages[i+1:], err}
			return
		}
		out <- outcome{channel: c, tried: m}
	}
}

// markTimeout bounds the record of what was sent, which is made also when the command's own context is over.
const markTimeout = 10 * time.Second

// mark records what became of messages.
func (o *Outbox) mark(ctx context.Context, done outcome) (sent int, failed *Unsent, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), markTimeout)
	defer cancel()
	batch := &pgx.Batch{}
	if done.err == nil {
		sent = 1
		batch.Queue(markSentSQL, done.tried.id)
	} else {
		failed = &Unsent{Channel: done.channel, Err: done.err, Messages: 1 + len(done.left)}
		wait, held := pause(done.tried.attempts), time.Duration(0)
		var throttled *ThrottledError
		if errors.As(done.err, &throttled) {
			wait, held = throttled.After, throttled.After
		}
		reason := oneLine(o.redact(done.err.Error()), mostMessage)
		batch.Queue(markUnsentSQL, done.tried.id, reason, wait, held, true)
		for _, m := range done.left {
			batch.Queue(markUnsentSQL, m.id, reason, wait, held, false)
		}
	}
	if err := o.conn.SendBatch(ctx, batch).Close(); err != nil {
		return sent, failed, fmt.Errorf("record what was sent to %s: %w", done.channel.Name, err)
	}
	return sent, failed, nil
}
