package ods_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/ods"
)

// What the same file, changed elsewhere, has again that cannot be landed is the same reject, met again: where it stands now,
// by the run of now. Other files have rejects of their own, and so have lines that are twice in one file.
func TestLand_keepsARejectOnceHoweverOftenItIsMet(t *testing.T) {
	t.Parallel()
	stream := orders()
	stream.FileColumns = true
	w := newWorld(t, stream)
	reading := func(key, file string, lines ...string) int64 {
		w.run = uuid.New()
		w.open(ods.SliceSpec{Kind: ods.File, Key: key})
		page := w.page()
		for i, line := range lines {
			page.Rejects = append(page.Rejects, ods.Reject{Raw: []byte(line), Reason: "ragged", Place: file + ":" + string(rune('1'+i))})
		}
		page.Last = true
		return w.landPage(page).Rejected
	}
	list := func() []string {
		return w.query(`select place, convert_from(raw, 'UTF8'), run_id = '` + w.run.String() + `' from terrace.reject order by place, raw`)
	}
	require.EqualValues(t, 3, reading("k1", "a.csv", "x", "y", "x"))
	require.EqualValues(t, 4, reading("k2", "a.csv", "n", "x", "x", "x"), "what is met again is counted all the same")
	require.Equal(t, []string{"a.csv:1|n|t", "a.csv:2|x|t", "a.csv:2|y|f", "a.csv:3|x|t", "a.csv:4|x|t"}, list())
	reading("k3", "b.csv", "x")
	require.Len(t, list(), 6)

	_, err := w.db.Pool.Exec(t.Context(), `update terrace.reject set replayed_at = now()`)
	require.NoError(t, err)
	reading("k4", "b.csv", "x")
	require.Len(t, list(), 7, "one that was landed and is refused again is new")
}
