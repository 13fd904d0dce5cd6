package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/extract"
)

// A stream that is read for long says so from time to time where nobody watches a bar.
func TestProgress_tellsOfLongReadings(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	now := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	app := &App{Env: Env{Stderr: &said, Now: func() time.Time { return now }}, Globals: &Globals{}}
	p := app.newProgress(1)
	p.observe(dag.Event{Step: dag.Step{Name: "shop_ods.orders"}, Started: true})
	after := func(d time.Duration, r extract.Result) string {
		now = now.Add(d)
		said.Reset()
		p.landed(extract.Event{Stream: "shop_ods.orders", Result: r})
		return said.String()
	}
	require.Empty(t, after(29*time.Second, extract.Result{Pages: 1, Received: 100}))
	require.Equal(t, "shop_ods.orders: 4 pages, 400 records, 1 of 3 slices, 10 records/s, waited 12s\n",
		after(11*time.Second, extract.Result{Pages: 4, Received: 400, Slices: 3, SlicesDone: 1, Waited: 12 * time.Second}))
	require.Empty(t, after(time.Second, extract.Result{Pages: 5, Received: 500}))
	require.Equal(t, "shop_ods.orders 5 pages, 500 records, 12 records/s", p.words())
}
