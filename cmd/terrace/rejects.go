package main

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/extract"
	"github.com/terrace-elt/terrace/ods"
)

// replayPage is how many rejects are landed in one transaction.
const replayPage = 500

// RejectsReplayCmd is terrace rejects replay.
type RejectsReplayCmd struct {
	Stream string `help:"Only of this stream."`
	Reason string `help:"Only what was rejected for this reason."`
}

// replayedStream is what became of a stream's rejects as --json shows it.
type replayedStream struct {
	Stream    string `json:"stream"`
	Landed    int64  `json:"landed"`
	Unchanged int64  `json:"unchanged"`
	Refused   int    `json:"refused"`
	Why       string `json:"why,omitempty"` // of the first that is refused
}

// Run implements the command: what can be landed as the project stands now is landed and marked. The rest stays, and is a
// matter of data quality.
func (c *RejectsReplayCmd) Run(ctx context.Context, a *App) error {
	p, err := a.load()
	if err != nil {
		return err
	}
	if err := a.refuseLanding(p, "rejects replay"); err != nil {
		return err
	}
	if c.Stream != "" {
		n, err := p.node(c.Stream)
		if err != nil {
			return err
		}
		c.Stream = n.Name
	}
	store, pool, err := a.openStore(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	statuses, err := store.Status(ctx)
	if err != nil {
		return err
	}
	run := uuid.Must(uuid.NewV7())
	all := []replayedStream{}
	for _, s := range statuses {
		if s.Rejected == 0 || c.Stream != "" && s.Stream != c.Stream {
			continue
		}
		stream := p.streams[s.Stream]
		if stream == nil {
			all = append(all, replayedStream{Stream: s.Stream, Refused: int(s.Rejected), Why: "the project has no such stream any more"})
			continue
		}
		done, err := c.replay(ctx, a, pool, stream, run)
		if err != nil {
			return err
		}
		all = append(all, done)
	}
	if err := a.printReplayed(all); err != nil {
		return err
	}
	return refusedAgain(all)
}

// refusedAgain is the error of a replay that left rejects behind.
func refusedAgain(all []replayedStream) error {
	refused := 0
	for _, r := range all {
		refused += r.Refused
	}
	switch refused {
	case 0:
		return nil
	case 1:
		return &dag.DataError{Message: "1 reject cannot be landed as the project is declared now, and stays; terrace rejects shows it"}
	default:
		return &dag.DataError{Message: counted(refused, "reject") + " cannot be landed as the project is declared now, and stay; terrace rejects shows them"}
	}
}

// replay goes through the pending rejects of one stream, the newest first: a reject is as old as its rejection, whenever
// it is landed.
func (c *RejectsReplayCmd) replay(ctx context.Context, a *App, pool *pgxpool.Pool, s *extract.Stream, run uuid.UUID) (replayedStream, error) {
	out, store := replayedStream{Stream: s.Name}, ods.New(pool)
	release, err := store.Lock(ctx, s.Name, false)
	if err != nil {
		return out, held(ctx, pool, err)
	}
	defer release()
	if err := store.Ensure(ctx, s.Landing); err != nil {
		return out, err
	}
	filter := ods.RejectFilter{Stream: s.Name, Reason: c.Reason, Pending: true, Limit: replayPage}
	for {
		pending, err := store.Rejects(ctx, filter)
		if err != nil || len(pending) == 0 {
			return out, err
		}
		filter.Before = pending[len(pending)-1].ID
		ready := out.reread(s, pending)
		if len(ready) == 0 {
			continue
		}
		done, err := store.ReplayRejects(ctx, s.Landing, ready, run, a.Now())
		if err != nil {
			return out, err
		}
		out.Landed += done.Inserted + done.Updated
		out.Unchanged += done.Unchanged
		for _, r := range done.Refused {
			out.refuse(r.Message)
		}
	}
}

// reread makes records of the rejects' bytes, where they are enough.
func (r *replayedStream) reread(s *extract.Stream, pending []ods.StoredReject) []ods.StoredReject {
	var ready []ods.StoredReject
	for _, reject := range pending {
		reject, err := s.Reread(reject)
		if err != nil {
			r.refuse(err.Error())
			continue
		}
		ready = append(ready, reject)
	}
	return ready
}

func (r *replayedStream) refuse(why string) {
	r.Refused++
	if r.Why == "" {
		r.Why = why
	}
}

func (a *App) printReplayed(all []replayedStream) error {
	if a.JSON {
		return a.printJSON(all)
	}
	if len(all) == 0 {
		a.printf("no rejects")
		return nil
	}
	t := newTable(a.Stdout, "STREAM", "LANDED", "UNCHANGED", "REFUSED", "WHY")
	for _, r := range all {
		t.AppendRow(table.Row{r.Stream, r.Landed, r.Unchanged, r.Refused, a.redact(r.Why)})
	}
	t.Render()
	return nil
}
