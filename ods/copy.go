package ods

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// copyCurrent writes the rows that become current.
func (w *writer) copyCurrent(ctx context.Context, batch int64) error {
	if len(w.current) == 0 {
		return nil
	}
	return w.copyRows(ctx, w.rel.current(), w.rel.landed(), &copyRows{writer: w, batch: batch, rows: w.current})
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
	columns := append(w.rel.landed(), column{"_version", "bigint"}, column{"_superseded_at", "timestamp with time zone"})
	return w.copyRows(ctx, w.rel.history(), columns, &copyRows{writer: w, batch: batch, rows: w.past, numbers: numbers})
}

func (w *writer) copyRows(ctx context.Context, table pgx.Identifier, columns []column, rows *copyRows) error {
	rows.types, rows.columns = w.tx.Conn().TypeMap(), int16(len(columns))
	sql := fmt.Sprintf("copy %s (%s) from stdin (format binary)", table.Sanitize(), list("", columns))
	_, err := w.tx.Conn().PgConn().CopyFrom(ctx, rows, sql)
	return err
}

// copyRows is what COPY reads, in its binary format: rows with the columns of relation.landed, and with numbers _version
// and _superseded_at after them. It is written here, as pgx's own way takes several times as long for a row: it looks up
// how each value is encoded, and hands every buffer from one goroutine to another.
type copyRows struct {
	writer  *writer
	batch   int64
	rows    []int
	numbers []int64
	types   *pgtype.Map
	columns int16

	begun, ended bool
	next         int    // of rows
	buffer       []byte // encoded
	sent         int    // of buffer
}

// Read fills p as far as there are rows, so that few messages are sent.
func (c *copyRows) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if c.sent == len(c.buffer) {
			if c.ended {
				break
			}
			if err := c.encodeNext(); err != nil {
				return n, err
			}
		}
		copied := copy(p[n:], c.buffer[c.sent:])
		c.sent += copied
		n += copied
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// encodeNext fills the buffer with the header, the next row, or the mark of the end.
func (c *copyRows) encodeNext() (err error) {
	c.buffer, c.sent = c.buffer[:0], 0
	switch {
	case !c.begun:
		c.begun = true
		// The signature, then no flags and no further header.
		c.buffer = append(c.buffer, "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"...)
	case c.next < len(c.rows):
		err = c.encodeRow()
		c.next++
	default:
		c.ended = true
		c.buffer = append(c.buffer, 0xff, 0xff)
	}
	return err
}

func (c *copyRows) encodeRow() error {
	w, r := c.writer, &c.writer.p.rows[c.rows[c.next]]
	c.buffer = binary.BigEndian.AppendUint16(c.buffer, uint16(c.columns))
	for i, part := range r.key {
		if err := c.encodeKey(w.p.types[i], part); err != nil {
			return fmt.Errorf("encode key column %s: %w", w.rel.key[i].name, err)
		}
	}
	c.length(1 + len(r.text))
	c.buffer = append(append(c.buffer, 1), r.text...) // the version of jsonb's binary form, which is text
	c.length(len(r.hash))
	c.buffer = append(c.buffer, r.hash[:]...)
	c.whole(c.batch)
	c.instant(w.firstSeen(r))
	c.instant(w.p.page.Fetched)
	if w.rel.stream.FileColumns {
		c.length(len(r.record.File))
		c.buffer = append(c.buffer, r.record.File...)
		c.whole(r.record.Line)
	}
	if c.numbers != nil {
		c.whole(c.numbers[c.next])
		c.instant(w.p.page.Fetched)
	}
	return nil
}

// length begins a value of so many bytes.
func (c *copyRows) length(n int) {
	c.buffer = binary.BigEndian.AppendUint32(c.buffer, uint32(n))
}

func (c *copyRows) whole(n int64) {
	c.length(8)
	c.buffer = binary.BigEndian.AppendUint64(c.buffer, uint64(n))
}

// epoch is PostgreSQL's, from which it counts microseconds.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()

func (c *copyRows) instant(at time.Time) { c.whole(at.UnixMicro() - epoch) }

func (c *copyRows) encodeKey(t keyType, part keyPart) (err error) {
	if n, ok := part.column.(int64); ok && t.oid == pgtype.Int8OID {
		c.whole(n)
		return nil
	}
	before := len(c.buffer)
	c.length(0)
	c.buffer, err = c.types.Encode(t.oid, pgtype.BinaryFormatCode, part.column, c.buffer)
	if err != nil {
		return err
	}
	size := len(c.buffer) - before - 4
	if size > math.MaxInt32 {
		return fmt.Errorf("%d bytes", size)
	}
	binary.BigEndian.PutUint32(c.buffer[before:], uint32(size))
	return nil
}

func (w *writer) firstSeen(r *row) time.Time {
	if current := w.held[r.group]; current.exists {
		return current.firstSeen
	}
	return w.p.page.Fetched
}
