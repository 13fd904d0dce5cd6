package ods

import (
	"context"
	_ "embed"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

var (
	//go:embed sql/insert_batch.sql
	insertBatchSQL string
	//go:embed sql/insert_rejects.sql
	insertRejectsSQL string
	//go:embed sql/read_slice.sql
	readSliceSQL string
	//go:embed sql/finish_page.sql
	finishPageSQL string
	//go:embed sql/touch_cursor.sql
	touchCursorSQL string
	//go:embed sql/move_watermark.sql
	moveWatermarkSQL string
)

// insertBatch writes the page's row of terrace.batch and returns what it says.
func (w *writer) insertBatch(ctx context.Context) (Landed, error) {
	page := w.p.page
	landed := Landed{
		Inserted:  w.inserted,
		Updated:   w.updated,
		Unchanged: w.unchanged,
		Rejected:  int64(len(w.p.rejects)),
	}
	err := w.tx.QueryRow(ctx, insertBatchSQL,
		page.Stream.Name, orNull(page.RunID), idOrNull(page.Slice.ID), page.Endpoint, page.Request, page.Number, page.Bytes,
		w.p.received(), landed.Inserted, landed.Updated, landed.Unchanged, landed.Rejected,
	).Scan(&landed.BatchID)
	return landed, err
}

func insertRejects(ctx context.Context, tx pgx.Tx, page Page, batch int64, rejects []Reject) error {
	if len(rejects) == 0 {
		return nil
	}
	var reasons, messages, places []string
	var raws [][]byte
	for _, r := range rejects {
		reasons = append(reasons, storable(r.Reason))
		messages = append(messages, storable(r.Message))
		places = append(places, storable(r.Place))
		raws = append(raws, append([]byte{}, r.Raw...)) // never null
	}
	_, err := tx.Exec(ctx, insertRejectsSQL,
		page.Stream.Name, batch, orNull(page.RunID), reasons, messages, places, raws, page.Stream.FileColumns)
	return err
}

// committedEarlier is what the page did when it was committed before, nil when it was not. A slice that is no longer
// this run's to write is an error, and so is one that lacks pages before this one, unless they are about to come.
func committedEarlier(ctx context.Context, tx pgx.Tx, page Page, ahead bool) (*Landed, error) {
	var (
		state                                         string
		pages                                         int
		run                                           uuid.NullUUID
		batch, inserted, updated, unchanged, rejected *int64
	)
	err := tx.QueryRow(ctx, readSliceSQL, page.Slice.ID, page.Number, page.Stream.Name).
		Scan(&state, &pages, &run, &batch, &inserted, &updated, &unchanged, &rejected)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, fmt.Errorf("slice %d of the stream does not exist", page.Slice.ID)
	case err != nil:
		return nil, fmt.Errorf("read terrace.slice: %w", err)
	case run.UUID != page.RunID:
		return nil, fmt.Errorf("slice %d was taken over by run %s", page.Slice.ID, run.UUID)
	case batch != nil:
		return &Landed{BatchID: *batch, Inserted: *inserted, Updated: *updated, Unchanged: *unchanged, Rejected: *rejected}, nil
	case state != "open":
		return nil, fmt.Errorf("slice %d is %s; open it again", page.Slice.ID, state)
	case ahead && pages < page.Number-1:
		return nil, nil
	case pages != page.Number-1:
		return nil, fmt.Errorf("slice %d has %d pages; page %d cannot be its next", page.Slice.ID, pages, page.Number)
	default:
		return nil, nil
	}
}

// finishPage counts the page in its slice, if the stream is still its reader's; the last one closes the slice and moves the
// cursor.
func (s *Store) finishPage(ctx context.Context, tx pgx.Tx, page Page, received int) error {
	var stream, variant string
	var kind SliceKind
	var batch pgx.Batch // one message to the server for all
	s.fence(&batch, page.Stream.Name)
	batch.Queue(finishPageSQL,
		page.Slice.ID, page.Number, orNull(page.RunID), received, page.Resume, page.Total, page.Last, page.Meta,
	).QueryRow(func(row pgx.Row) error { return row.Scan(&stream, &variant, &kind) })
	err := tx.SendBatch(ctx, &batch).Close()
	if errors.Is(err, pgx.ErrNoRows) {
		return errOvertaken
	}
	if err != nil {
		return fmt.Errorf("write terrace.slice: %w", err)
	}
	if !page.Last {
		return nil
	}
	if _, err := tx.Exec(ctx, touchCursorSQL, page.Slice.ID); err != nil {
		return fmt.Errorf("write terrace.cursor: %w", err)
	}
	if kind != Window {
		return nil
	}
	if _, err := tx.Exec(ctx, moveWatermarkSQL, stream, variant); err != nil {
		return fmt.Errorf("move watermark: %w", err)
	}
	return nil
}

// idOrNull is a slice's number as a parameter: no slice is null.
func idOrNull(id int64) *int64 {
	if id == 0 {
		return nil
	}
	return &id
}

// orNull is the run as a parameter: no run is null.
func orNull(run uuid.UUID) uuid.NullUUID {
	return uuid.NullUUID{UUID: run, Valid: run != uuid.Nil}
}
