package main

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/extract"
)

func TestFailedStream_tellsTheLimitOfAScheduleFromASignal(t *testing.T) {
	t.Parallel()
	limited, cancel := withLimit(t.Context(), time.Nanosecond)
	defer cancel()
	<-limited.Done()
	require.Equal(t, dag.Timeout, failedStream(limited, extract.Result{}, limited.Err()).Status)

	stopped, stop := context.WithCancel(t.Context())
	stop()
	require.Equal(t, dag.Cancelled, failedStream(stopped, extract.Result{}, stopped.Err()).Status)
}
