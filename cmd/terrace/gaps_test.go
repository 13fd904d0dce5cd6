package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/extract"
	"github.com/terrace-elt/terrace/ods"
)

func january(day int) time.Time { return time.Date(2026, time.January, day, 0, 0, 0, 0, time.UTC) }

func TestStretches_readsEachWindowOnceWhateverVariantsHaveGaps(t *testing.T) {
	t.Parallel()
	gap := func(stream, variant string, from, to int) streamGap {
		return streamGap{Stream: stream, spec: ods.SliceSpec{Kind: ods.Window, Variant: variant, Start: january(from), End: january(to)}}
	}
	require.Equal(t, []stretch{
		{"ods.b", january(1), january(4)},
		{"ods.b", january(6), january(9)},
		{"ods.a", january(1), january(2)},
	}, stretches([]streamGap{
		gap("ods.b", "x", 1, 2), gap("ods.b", "x", 2, 4), gap("ods.b", "x", 6, 9),
		gap("ods.b", "y", 1, 2), gap("ods.b", "y", 3, 4), gap("ods.b", "y", 7, 8),
		gap("ods.a", "x", 1, 2),
	}))
	whole := streamGap{Stream: "ods.c", spec: ods.SliceSpec{Kind: ods.Full}}
	require.Equal(t, []stretch{{stream: "ods.c"}}, stretches([]streamGap{whole, whole}))
}

func TestGaps_countsARecordThatSeveralVariantsReportOnce(t *testing.T) {
	t.Parallel()
	doc, missing := gapsDocument{}, map[string]bool{}
	stream := &extract.Stream{Name: "ods.b"}
	for _, variant := range []string{"x", "y"} {
		doc.add(stream, extract.Gap{
			Slice: ods.SliceSpec{Kind: ods.Full, Variant: variant}, Reported: 3, Missing: []string{"id=1", "id=" + variant},
		}, missing, 1)
	}
	require.Equal(t, 3, doc.Missing)
	require.Equal(t, 2, doc.Gaps[1].Missing)
	require.Equal(t, []string{"id=1"}, doc.Gaps[1].Sample)
}
