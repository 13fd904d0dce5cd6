package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/tests/demotest"
)

// killEvery is at most after how many steps that changed something a demo is killed: more kills take longer.
const killEvery = 15

// days keeps the demo of the tests small.
const days = 12

func TestDemo_bringsALaterDayIn(t *testing.T) {
	t.Parallel()
	p := demotest.New(t)
	runs := demotest.Decode[struct{ Runs []demotest.Report }](t, p.Run(0, "demo", "feiqiu", "--json", "--days", fmt.Sprint(days))).Runs
	require.Len(t, runs, 2)
	for _, s := range runs[1].Steps {
		require.NotContains(t, []string{"failure", "error"}, s.Status, s.Name)
		if s.Kind == "seed" {
			require.Equal(t, "skip", s.Status, s.Name)
		}
		if (s.Kind == "incremental" || s.Kind == "scd2") && s.Status == "success" {
			require.Regexp(t, `; \d+ (group|key)s? (recomputed|continued)`, s.Reason, s.Name)
		}
	}
}

// A demo that is killed again and again, a few steps further each time it is started anew, ends with the same tables as one
// that nobody disturbed. Which steps it is killed at is another matter in every run of the test: over many runs it is each.
func TestDemo_killedOverAndOverConverges(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("kills some twenty processes")
	}
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("TERRACE_TEST_SEED"); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("TERRACE_TEST_SEED=%d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	undisturbed := demotest.New(t)
	undisturbed.Run(0, "demo", "feiqiu", "--json", "--days", fmt.Sprint(days))
	want := content(t, undisturbed.Connect())

	// On a busy machine a demo may come far before it is killed: then another one is.
	for kills := 0; kills <= 5; {
		p := demotest.New(t)
		for killAfterSteps(t, p, 1+r.IntN(killEvery), time.Duration(r.IntN(30))*time.Millisecond) {
			kills++
			require.Less(t, kills, 200, "the demo does not get any further")
		}
		t.Logf("killed %d times", kills)
		require.Equal(t, want, content(t, p.Connect()))
	}
}
