package ods

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

//go:embed sql/mark_replayed.sql
var markReplayedSQL string

// Replayed says what became of rejects that were landed again.
type Replayed struct {
	Landed
	// Refused are those that cannot be landed now either, with the reason of now; they stay as they are.
	Refused []StoredReject
}

// ReplayRejects lands rejects as the stream is declared now, and marks those that went in, in one transaction. The bytes
// of a reject must be those of a record. A record that has been landed meanwhile under the same key is newer than the
// reject, which then becomes a version in the history. The caller holds the stream's lock.
func (s *Store) ReplayRejects(ctx context.Context, stream Stream, rejects []StoredReject, run uuid.UUID, now time.Time) (Replayed, error) {
	stream.FailOnReject = false
	out, err := s.replay(ctx, stream, rejects, run, now)
	return out, wrap(err, "replay rejects of %s", stream.Name)
}

func (s *Store) replay(ctx context.Context, stream Stream, rejects []StoredReject, run uuid.UUID, now time.Time) (Replayed, error) {
	for tries := 0; ; tries++ {
		r := &replay{stream: stream, rejects: rejects}
		err := r.prepare(run, now)
		if err == nil {
			err = s.asReader(ctx, stream.Name, func(tx pgx.Tx) (end, error) { return keep, r.land(ctx, tx) })
		}
		switch {
		case err == nil:
			s.notify(ctx, stream.Name, r.out.Inserted+r.out.Updated)
			return r.out, nil
		case isFaultOfData(err) && len(rejects) > 1:
			return s.replayHalves(ctx, stream, rejects, run, now)
		case isFaultOfData(err):
			rejects[0].Reason, rejects[0].Message = ReasonRefused, serverMessage(err)
			return Replayed{Refused: rejects}, nil
		case !isTransient(err) || tries >= maxTries:
			return Replayed{}, err
		}
		if err := pause(ctx, tries); err != nil {
			return Replayed{}, err
		}
	}
}

// replayHalves finds those that only the server refuses.
func (s *Store) replayHalves(ctx context.Context, stream Stream, rejects []StoredReject, run uuid.UUID, now time.Time) (Replayed, error) {
	var out Replayed
	half := len(rejects) / 2
	for _, part := range [][]StoredReject{rejects[:half], rejects[half:]} {
		done, err := s.replay(ctx, stream, part, run, now)
		if err != nil {
			return out, err
		}
		out.Inserted += done.Inserted
		out.Updated += done.Updated
		out.Unchanged += done.Unchanged
		out.Refused = append(out.Refused, done.Refused...)
	}
	return out, nil
}

// replay is one transaction's worth of rejects.
type replay struct {
	stream   Stream
	rejects  []StoredReject
	prepared *Prepared
	out      Replayed
}

// prepare makes records of the rejects, in the order in which they came.
func (r *replay) prepare(run uuid.UUID, now time.Time) error {
	slices.SortFunc(r.rejects, func(a, b StoredReject) int { return int(min(max(a.ID-b.ID, -1), 1)) })
	page := Page{Stream: r.stream, RunID: run, Fetched: now, Endpoint: "terrace.reject"}
	page.Request = fmt.Sprintf("replay of %d rejects, from %d", len(r.rejects), r.rejects[0].ID)
	for _, reject := range r.rejects {
		record := Record{Raw: reject.Raw, Given: reject.Given}
		if r.stream.FileColumns {
			record.File, record.Line = placeInFile(reject.Place)
		}
		page.Records = append(page.Records, record)
	}
	var err error
	if r.prepared, err = prepareRecords(page); err != nil {
		return err
	}
	landed := map[int]bool{}
	for _, row := range r.prepared.rows {
		landed[row.index] = true
	}
	refusals := r.prepared.rejects
	r.prepared.rejects = nil
	for i, reject := range r.rejects {
		if !landed[i] {
			reject.Reason, reject.Message = refusals[0].Reason, refusals[0].Message
			refusals = refusals[1:]
			r.out.Refused = append(r.out.Refused, reject)
		}
	}
	return nil
}

// placeInFile reads "data/orders.ndjson:17".
func placeInFile(place string) (file string, line int64) {
	at := strings.LastIndexByte(place, ':')
	if at < 0 {
		return place, 0
	}
	line, err := strconv.ParseInt(place[at+1:], 10, 64)
	if err != nil {
		return place, 0
	}
	return place[:at], line
}

func (r *replay) land(ctx context.Context, tx pgx.Tx) error {
	if len(r.prepared.rows) == 0 {
		return nil
	}
	rel, err := newRelation(r.stream)
	if err != nil {
		return err
	}
	w := &writer{tx: tx, rel: rel, p: r.prepared}
	if err := w.lookUp(ctx); err != nil {
		return fmt.Errorf("look up keys: %w", err)
	}
	if r.stream.Version == "" {
		if err := r.orderByArrival(ctx, w); err != nil {
			return fmt.Errorf("look up times: %w", err)
		}
	}
	if r.out.Landed, err = w.decided(ctx); err != nil {
		return err
	}
	return r.mark(ctx, tx)
}

// orderByArrival makes the time of arrival the version: a reject is as old as its rejection.
func (r *replay) orderByArrival(ctx context.Context, w *writer) error {
	for i := range w.p.rows {
		row := &w.p.rows[i]
		row.order = order{kind: orderInstant, instant: r.rejects[row.index].RejectedAt}
	}
	rows, err := w.tx.Query(ctx, w.rel.arrivalSQL(), planned(w.keysOf(w.p.groups))...)
	if err != nil {
		return err
	}
	var group int
	var fetched time.Time
	_, err = pgx.ForEachRow(rows, []any{&group, &fetched}, func() error {
		w.held[group].order = order{kind: orderInstant, instant: fetched}
		return nil
	})
	ordered := *w.rel
	ordered.stream.Version = "$._fetched_at" // settle asks whether there is one; none is read any more
	w.rel = &ordered
	return err
}

// mark says of the rejects that went in that they did.
func (r *replay) mark(ctx context.Context, tx pgx.Tx) error {
	var ids []int64
	for _, row := range r.prepared.rows {
		ids = append(ids, r.rejects[row.index].ID)
	}
	rows, err := tx.Query(ctx, markReplayedSQL, ids)
	if err != nil {
		return fmt.Errorf("write terrace.reject: %w", err)
	}
	marked, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err == nil && len(marked) != len(ids) {
		err = fmt.Errorf("%d of %d rejects were replayed by another session meanwhile", len(ids)-len(marked), len(ids))
	}
	return err
}
