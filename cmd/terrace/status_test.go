package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag/site"
	"github.com/terrace-elt/terrace/ods"
)

// A stream that is read to its end and brings nothing is told when it is silent for much longer than it ever was.
func TestStatus_tellsAFailingSourceFromAQuietOne(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	a := &App{Env: Env{Now: func() time.Time { return now }}}
	ago := func(d time.Duration) *time.Time { at := now.Add(-d); return &at }
	hourly := time.Hour
	read := []ods.VariantStatus{{LastEnded: ago(time.Minute), Watermark: ago(time.Minute)}}
	for name, c := range map[string]struct {
		status ods.StreamStatus
		want   site.StreamState
	}{
		"as ever":           {ods.StreamStatus{Variants: read, LastChange: ago(2 * time.Hour), Usual: &hourly}, site.StreamOK},
		"silent":            {ods.StreamStatus{Variants: read, LastChange: ago(4 * time.Hour), Usual: &hourly}, site.StreamQuiet},
		"no rhythm yet":     {ods.StreamStatus{Variants: read, LastChange: ago(400 * time.Hour)}, site.StreamOK},
		"never anything":    {ods.StreamStatus{Variants: read}, site.StreamOK},
		"nothing read":      {ods.StreamStatus{}, site.StreamUnread},
		"expired":           {ods.StreamStatus{Variants: read, LastChange: ago(time.Hour), Failure: "HTTP 401", FailedAt: ago(time.Minute)}, site.StreamFailing},
		"expired at first":  {ods.StreamStatus{Failure: "HTTP 401", FailedAt: ago(time.Minute)}, site.StreamFailing},
		"silent for a bit":  {ods.StreamStatus{Variants: read, LastChange: ago(50 * time.Minute), Usual: ptr(time.Minute)}, site.StreamOK},
		"silent for longer": {ods.StreamStatus{Variants: read, LastChange: ago(70 * time.Minute), Usual: ptr(time.Minute)}, site.StreamQuiet},
	} {
		got := a.statusOf(c.status)
		require.Equal(t, c.want, got.State, name)
		require.Equal(t, c.want != site.StreamOK, got.Why != "", name)
	}
}

func ptr[T any](v T) *T { return &v }
