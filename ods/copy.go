package ods

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// copyCurrent writes the rows that become current.
func (w *writer) copyCurrent(ctx context.Context, batch int64) error {
	if len(w.current) == 0 {
		return nil
	}
	columns := names(w.rel.landed())
	_, err := w.tx.CopyFrom(ctx, w.rel.current(), columns, &copySource{writer: w, batch: batch, rows: w.current})
	return err
}

// copyPast writes the rows that were replaced within the page or came late. Their numbers are taken before the current
// rows take theirs, so that the version which replaced them is the later one.
func (w *writer) copyPast(ctx context.Context, batch int64) error {
	if len(w.past) == 0 {
		return nil
	}
	rows, err := w.tx.Query(ctx, `select nextval(pg_get_serial_sequence($1, '_version')) from generate_series(1, $2)`,
		w.rel.current().Sanitize(), len(w.past))
	if err != nil {
		return err
	}
	numbers, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return err
	}
	// A sequence hands numbers out in order, a query need not return them so.
	slices.Sort(numbers)
	columns := append(names(w.rel.landed()), "_version", "_superseded_at")
	_, err = w.tx.CopyFrom(ctx, w.rel.history(), columns, &copySource{writer: w, batch: batch, rows: w.past, numbers: numbers})
	return err
}

// copySource gives rows to COPY in the order of relation.landed; with numbers, _version and _superseded_at after them.
type copySource struct {
	writer  *writer
	batch   int64
	rows    []int
	numbers []int64

	next   int
	values []any
}

func (c *copySource) Next() bool {
	c.next++
	return c.next <= len(c.rows)
}

// Values is valid until the next call: COPY encodes one row before it asks for another.
func (c *copySource) Values() ([]any, error) {
	r := &c.writer.p.rows[c.rows[c.next-1]]
	c.values = c.values[:0]
	for _, part := range r.key {
		c.values = append(c.values, part.column)
	}
	fetched := c.writer.p.page.Fetched
	c.values = append(c.values, r.record.Raw, r.hash[:], c.batch, c.writer.firstSeen(r), fetched)
	if c.writer.rel.stream.FileColumns {
		c.values = append(c.values, r.record.File, r.record.Line)
	}
	if c.numbers != nil {
		c.values = append(c.values, c.numbers[c.next-1], fetched)
	}
	return c.values, nil
}

func (c *copySource) Err() error { return nil }

func (w *writer) firstSeen(r *row) time.Time {
	if current := w.held[r.group]; current.exists {
		return current.firstSeen
	}
	return w.p.page.Fetched
}
