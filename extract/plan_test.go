package extract_test

import (
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/extract"
	"github.com/terrace-elt/terrace/ods"
)

func TestPlan_showsSlicesAndTheFirstRequestAndSendsNothing(t *testing.T) {
	t.Parallel()
	a := serve(t, nil)
	env := map[string]string{"URL": a.URL}
	plan := func(yaml string, stream int, w extract.Window) extract.Plan {
		l := &lander{}
		p, err := extract.NewReader(quick(l, env)).Plan(t.Context(), load(t, yaml, env).Streams[stream], w)
		require.NoError(t, err)
		require.Empty(t, l.slices)
		return p
	}

	p := plan(windows, 0, extract.Window{})
	require.Len(t, p.Slices, 4)
	require.Equal(t, a.URL+"/Pay", p.Endpoint)
	require.Equal(t, 4, p.Requests, "at least one for each slice")
	require.Equal(t, `POST /Pay {"page":1,"startTime":"2026-01-17 00:00:00","endTime":"2026-01-18 00:00:00"}`, p.Request)

	p = plan(details, 1, extract.Window{})
	require.Equal(t, []ods.SliceSpec{{Kind: ods.Parents}}, p.Slices)
	require.Equal(t, `POST /t/‹id› {"orderSettleId":"‹id›"}`, p.Request)

	require.Equal(t, "GET /v2/orders?page=1&limit=10", plan(paged, 0, extract.Window{}).Request, "without a token set")
	require.Empty(t, plan(windows, 0, extract.Window{From: noon, To: noon.Add(-time.Hour)}).Slices)
	require.Zero(t, a.requests())
}

func TestPlan_listsTheFilesThatAreNew(t *testing.T) {
	t.Parallel()
	d := quick(&lander{}, nil)
	d.FS = fstest.MapFS{"data/a.ndjson": file("{}")}
	p, err := extract.NewReader(d).Plan(t.Context(), load(t, filesYAML("*", "{type: ndjson}", ""), nil).Streams[0], extract.Window{})
	require.NoError(t, err)
	require.Equal(t, "data/a.ndjson", p.Slices[0].Meta["path"])
	require.Empty(t, p.Request)
}
