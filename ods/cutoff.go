package ods

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

//go:embed sql/cut_offs.sql
var cutOffsSQL string

// CutOff is how far one fan-out value of a stream has been read.
type CutOff struct {
	Stream, Variant string
	// Watermark is nil for streams that are not read by windows; LastEnded is when a reading came to its end last.
	Watermark, LastEnded *time.Time
	// Usual is how long it takes from reading to reading at most, as a rule; nil before that can be told.
	Usual *time.Duration
}

// CutOffs returns the cut-offs of all streams, by stream and fan-out value. It looks at no stream's records.
func CutOffs(ctx context.Context, conn *pgx.Conn) ([]CutOff, error) {
	rows, err := conn.Query(ctx, cutOffsSQL)
	if err != nil {
		return nil, fmt.Errorf("read cut-offs: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[CutOff])
	if err != nil {
		return nil, fmt.Errorf("read cut-offs: %w", err)
	}
	return all, nil
}
