package openlineage_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
	"github.com/terrace-elt/terrace/dag/model/strict"
	"github.com/terrace-elt/terrace/dag/openlineage"
)

// service keeps what it is sent.
type service struct {
	*httptest.Server
	mu     sync.Mutex
	events []openlineageEvent
	keys   []string
	paths  []string
	status int // of its answers; 0 for 201
}

// openlineageEvent is an event as others read it.
type openlineageEvent struct {
	EventType string
	EventTime time.Time
	Producer  string
	SchemaURL string
	Run       struct {
		RunID  string
		Facets map[string]map[string]any
	}
	Job struct {
		Namespace, Name string
		Facets          map[string]map[string]any
	}
	Inputs, Outputs []struct {
		Namespace, Name                   string
		Facets, InputFacets, OutputFacets map[string]map[string]any
	}
}

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.keys, s.paths = append(s.keys, r.Header.Get("Authorization")), append(s.paths, r.URL.Path)
		var e openlineageEvent
		if err != nil || json.Unmarshal(text, &e) != nil || s.status != 0 {
			w.WriteHeader(max(s.status, http.StatusBadRequest))
			fmt.Fprint(w, "no")
			return
		}
		s.events = append(s.events, e)
		w.WriteHeader(http.StatusCreated)
	}))
	t.Cleanup(s.Close)
	return s
}

// shop is a project of three models, the last of which has an assertion.
func shop(t *testing.T) *dag.Graph {
	t.Helper()
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	project, problems := model.Load(fstest.MapFS{
		"terrace.yml":         file("name: shop\n"),
		"models/dwd/a.sql":    file("-- depends_on: []\n-- owner: ann\n-- columns:\n--   id: {description: Number}\nselect 1 as id, 2 as spare\n"),
		"models/dwd/b.sql":    file("-- kind: table\n-- depends_on: [dwd.a]\n-- description: All of a.\nselect id, id + spare as both, now() as at from dwd.a\n"),
		"models/dwd/fill.sql": file("-- kind: sql\n-- target: dwd.filled\n-- depends_on: [dwd.b]\ninsert into dwd.filled select 1\n"),
		"tests/good.sql":      file("-- on: [dwd.b]\nselect * from dwd.b where id is null\n"),
	}, model.Options{})
	require.Empty(t, problems)
	graph, problems := dag.NewGraph(project)
	require.Empty(t, problems)
	return graph
}

// executor performs steps by name; what it does not know succeeds.
type executor map[string]dag.Result

func (e executor) Execute(_ context.Context, s dag.Step) dag.Result {
	if r, ok := e[s.Name]; ok {
		return r
	}
	judged := map[string]dag.Result{}
	for _, gate := range s.Gates {
		judged[gate] = dag.Result{Status: dag.Success}
	}
	return dag.Result{Status: dag.Success, Changed: true, Rows: dag.Rows{Inserted: 3, Updated: 2, Deleted: 4}, Judged: judged}
}

func runID() uuid.UUID { return uuid.MustParse("0190b5e0-7a1e-7cc0-8000-000000000001") }

func options(graph *dag.Graph, c openlineage.Config) openlineage.Options {
	return openlineage.Options{
		Config: c, Project: "shop", Command: "run", Version: "v1.2.3", RunID: runID(), Host: "db.example.com:5432", Database: "warehouse",
		Graph: graph, Now: time.Now, Redact: func(s string) string { return s },
		Origin: func(string) (string, string, bool) { return "", "", false },
		Columns: func(_ context.Context, relations []string) (map[string][]materialize.Column, error) {
			known := map[string][]materialize.Column{
				"dwd.a": {{Name: "id", Type: "integer"}, {Name: "spare", Type: "integer"}},
				"dwd.b": {{Name: "id", Type: "integer"}, {Name: "both", Type: "integer"}, {Name: "at", Type: "timestamp with time zone"}},
			}
			found := map[string][]materialize.Column{}
			for _, r := range relations {
				if columns, ok := known[r]; ok {
					found[r] = columns
				}
			}
			return found, nil
		},
	}
}

// tell runs all of the graph and tells of it.
func tell(t *testing.T, o openlineage.Options, e executor) (dag.Report, int, error) {
	t.Helper()
	plan, err := dag.NewPlan(o.Graph, nil, dag.PlanOptions{
		Selected: names(o.Graph), Sources: func(*dag.Node) string { return "" },
		Fingerprint: func(n *dag.Node) (string, error) { return n.Name, nil },
	})
	require.NoError(t, err)
	teller := openlineage.NewTeller(t.Context(), o)
	runner := dag.Runner{Threads: 2, Now: time.Now, Execute: e, Observe: teller.Observe}
	report := runner.Run(t.Context(), plan)
	teller.End(report)
	lost, err := teller.Close(5 * time.Minute)
	return report, lost, err
}

func names(g *dag.Graph) []string {
	var out []string
	for _, n := range g.Order() {
		out = append(out, n.Name)
	}
	return out
}

// paired are the events of each job, by its name: each begins once, and ends once, after it.
func paired(t *testing.T, events []openlineageEvent) map[string]openlineageEvent {
	t.Helper()
	started, ended := map[string]string{}, map[string]openlineageEvent{}
	for _, e := range events {
		require.Equal(t, "shop", e.Job.Namespace)
		require.Equal(t, "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent", e.SchemaURL)
		for _, facets := range []map[string]map[string]any{e.Run.Facets, e.Job.Facets} {
			for key, f := range facets {
				require.Equal(t, "https://github.com/terrace-elt/terrace/tree/v1.2.3", f["_producer"], key)
				require.Contains(t, f["_schemaURL"], "https://openlineage.io/spec/facets/", key)
			}
		}
		if e.EventType == openlineage.Start {
			require.NotContains(t, started, e.Job.Name)
			started[e.Job.Name] = e.Run.RunID
			continue
		}
		require.Equal(t, started[e.Job.Name], e.Run.RunID, e.Job.Name)
		require.NotContains(t, ended, e.Job.Name)
		ended[e.Job.Name] = e
	}
	require.Len(t, ended, len(started))
	return ended
}

func TestTeller_tellsWhatIsReadAndWritten(t *testing.T) {
	t.Parallel()
	s := newService(t)
	at := time.Date(2026, 11, 21, 6, 30, 0, 0, time.FixedZone("CST", 8*3600))
	o := options(shop(t), openlineage.Config{
		URL: s.URL + "/api/v1/lineage", APIKey: "a-key",
		Parent: &openlineage.Parent{Namespace: "air/flow", Name: "daily", RunID: "0190b5e0-7a1e-7cc0-8000-0000000000ff"},
	})
	o.ScheduledFor = &at
	_, lost, err := tell(t, o, executor{})
	require.NoError(t, err)
	require.Zero(t, lost)
	ended := paired(t, s.events)
	require.Len(t, ended, 5)
	require.Equal(t, "shop.run", s.events[0].Job.Name)
	require.Equal(t, "shop.run", s.events[len(s.events)-1].Job.Name)
	for i := range s.events {
		require.Equal(t, "Bearer a-key", s.keys[i])
		require.Equal(t, "/api/v1/lineage", s.paths[i])
		require.Equal(t, "2026-11-20T22:30:00Z", s.events[i].Run.Facets["nominalTime"]["nominalStartTime"])
	}
	whole := ended["shop.run"]
	require.Equal(t, openlineage.Complete, whole.EventType)
	require.Equal(t, runID().String(), whole.Run.RunID)
	require.Equal(t, map[string]any{"namespace": "air/flow", "name": "daily"}, whole.Run.Facets["parent"]["job"])

	b := ended["dwd.b"]
	require.Equal(t, openlineage.Complete, b.EventType)
	require.Equal(t, map[string]any{"runId": runID().String()}, b.Run.Facets["parent"]["run"])
	require.Equal(t, "All of a.", b.Job.Facets["documentation"]["description"])
	require.Contains(t, b.Job.Facets["sql"]["query"], "from dwd.a")
	require.Len(t, b.Inputs, 1)
	require.Equal(t, "postgres://db.example.com:5432", b.Inputs[0].Namespace)
	require.Equal(t, "warehouse.dwd.a", b.Inputs[0].Name)
	require.Equal(t, "warehouse.dwd.b", b.Outputs[0].Name)
	require.EqualValues(t, 5, b.Outputs[0].OutputFacets["outputStatistics"]["rowCount"], "rows that were written")
	fields, err := json.Marshal(b.Outputs[0].Facets["schema"]["fields"])
	require.NoError(t, err)
	require.JSONEq(t, `[{"name": "id", "type": "integer", "ordinal_position": 1}, {"name": "both", "type": "integer", "ordinal_position": 2},
		{"name": "at", "type": "timestamp with time zone", "ordinal_position": 3}]`, string(fields))
	made, err := json.Marshal(b.Outputs[0].Facets["columnLineage"]["fields"])
	require.NoError(t, err)
	from := func(column string) string {
		return fmt.Sprintf(`{"namespace": "postgres://db.example.com:5432", "name": "warehouse.dwd.a", "field": %q}`, column)
	}
	require.JSONEq(t, `{"id": {"inputFields": [`+from("id")+`]}, "both": {"inputFields": [`+from("id")+`, `+from("spare")+`]}}`, string(made))

	require.Equal(t, "warehouse.dwd.filled", ended["dwd.fill"].Outputs[0].Name, "a statement fills its target")
	require.Equal(t, []any{map[string]any{"name": "ann"}}, ended["dwd.a"].Job.Facets["ownership"]["owners"])
	good := ended["good"]
	require.Empty(t, good.Outputs)
	require.Equal(t, []any{map[string]any{"assertion": "good", "success": true, "severity": "error"}},
		good.Inputs[0].InputFacets["dataQualityAssertions"]["assertions"])
}

func TestTeller_tellsHowStepsEnd(t *testing.T) {
	t.Parallel()
	no := fmt.Errorf("password hunter2 is wrong")
	failed := dag.Result{Status: dag.Failure, Err: no, Judged: map[string]dag.Result{"good": {Status: dag.Failure, Err: no}}}
	for name, test := range map[string]struct {
		steps    executor
		together bool
		want     map[string]string
	}{
		"what is skipped is not told": {
			executor{"dwd.a": {Status: dag.Failure, Err: no}},
			false,
			map[string]string{"dwd.a": openlineage.Fail, "shop.run": openlineage.Fail},
		},
		"an assertion that fails within its model's step": {
			executor{"dwd.b": failed},
			false,
			map[string]string{"dwd.a": openlineage.Complete, "dwd.b": openlineage.Fail, "good": openlineage.Fail, "shop.run": openlineage.Fail},
		},
		"some rows were rejected": {
			executor{"dwd.fill": {Status: dag.PartialSuccess}},
			false,
			map[string]string{"dwd.a": openlineage.Complete, "dwd.b": openlineage.Complete, "good": openlineage.Complete, "dwd.fill": openlineage.Complete, "shop.run": openlineage.Complete},
		},
		"it was stopped": {
			executor{"dwd.fill": {Status: dag.Cancelled, Err: context.Canceled}},
			false,
			map[string]string{"dwd.a": openlineage.Complete, "dwd.b": openlineage.Complete, "good": openlineage.Complete, "dwd.fill": openlineage.Abort, "shop.run": openlineage.Abort},
		},
		"what becomes visible together is told in the end": {
			executor{},
			true,
			map[string]string{"dwd.a": openlineage.Complete, "dwd.b": openlineage.Complete, "good": openlineage.Complete, "dwd.fill": openlineage.Complete, "shop.run": openlineage.Complete},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			o := options(shop(t), openlineage.Config{URL: s.URL})
			o.Together = test.together
			o.Redact = func(string) string { return "password *** is wrong" }
			tell(t, o, test.steps)
			got := map[string]string{}
			for job, e := range paired(t, s.events) {
				got[job] = e.EventType
				if e.EventType == openlineage.Fail {
					require.Equal(t, "password *** is wrong", e.Run.Facets["errorMessage"]["message"])
				}
			}
			require.Equal(t, test.want, got)
			if test.together {
				last := s.events[len(s.events)-5:]
				for _, e := range last {
					require.Equal(t, openlineage.Complete, e.EventType)
				}
			}
		})
	}
}

func TestTeller_failsNoRun(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		disturb func(s *service)
		want    string
	}{
		"it refuses":      {func(s *service) { s.status = http.StatusForbidden }, "HTTP 403: no"},
		"it is not there": {func(s *service) { s.URL = "http://127.0.0.1:1" }, "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			test.disturb(s)
			report, lost, err := tell(t, options(shop(t), openlineage.Config{URL: s.URL, APIKey: "a-key"}), executor{})
			require.Equal(t, dag.Success, report.Status)
			require.Equal(t, 10, lost)
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "a-key")
			require.LessOrEqual(t, len(s.paths), 3, "it is not asked again and again")
		})
	}
	t.Run("it does not answer", func(t *testing.T) {
		t.Parallel()
		over := make(chan struct{})
		s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-over }))
		t.Cleanup(func() { close(over); s.Close() })
		teller := openlineage.NewTeller(t.Context(), options(shop(t), openlineage.Config{URL: s.URL}))
		teller.End(dag.Report{Status: dag.Success})
		lost, err := teller.Close(50 * time.Millisecond)
		require.Equal(t, 2, lost)
		require.Error(t, err)
	})
}

func TestTeller_keepsEventsInAFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "events.ndjson")
	for range 2 {
		_, lost, err := tell(t, options(shop(t), openlineage.Config{File: path}), executor{})
		require.NoError(t, err)
		require.Zero(t, lost)
	}
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := 0
	decoder := json.NewDecoder(bytes.NewReader(text))
	for ; decoder.More(); lines++ {
		var e openlineageEvent
		require.NoError(t, decoder.Decode(&e))
	}
	require.Equal(t, 20, lines)
}

func TestParse(t *testing.T) {
	t.Parallel()
	const run = "0190b5e0-7a1e-7cc0-8000-0000000000ff"
	for name, test := range map[string]struct {
		written string
		env     map[string]string
		want    openlineage.Config
		problem string
	}{
		"nothing":                 {},
		"a service":               {written: "{url: \"http://marquez:5000\", api_key: k}", want: openlineage.Config{URL: "http://marquez:5000/api/v1/lineage", APIKey: "k"}},
		"another path":            {written: "{url: \"http://hub/gms/\", endpoint: openapi/lineage}", want: openlineage.Config{URL: "http://hub/gms/openapi/lineage"}},
		"a file":                  {written: "{file: events.ndjson, namespace: prod}", want: openlineage.Config{File: "events.ndjson", Namespace: "prod"}},
		"the environment is over": {written: "{file: x}", env: map[string]string{"URL": "https://ol", "NAMESPACE": "n", "API_KEY": "k"}, want: openlineage.Config{URL: "https://ol/api/v1/lineage", Namespace: "n", APIKey: "k"}},
		"it is off":               {written: "{file: x}", env: map[string]string{"DISABLED": "True", "URL": "https://ol"}},
		"a parent":                {written: "{file: x}", env: map[string]string{"PARENT_ID": "a/b/job/" + run}, want: openlineage.Config{File: "x", Parent: &openlineage.Parent{Namespace: "a/b", Name: "job", RunID: run}}},
		"no parent":               {written: "{file: x}", env: map[string]string{"PARENT_ID": "a/b/c"}, problem: `"c" is no run`},
		"both":                    {written: "{file: x, url: \"http://a\"}", problem: "a url and a file"},
		"no address":              {written: "{url: marquez}", problem: "is no address of a service"},
		"an unknown key":          {written: "{uri: x}", problem: `unknown key "uri"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var section struct {
				OpenLineage strict.Node `yaml:"openlineage"`
			}
			if test.written != "" {
				require.Empty(t, strict.Decode("terrace.yml", []byte("openlineage: "+test.written+"\n"), &section))
			}
			got, problems := openlineage.Parse(section.OpenLineage, func(name string) (string, bool) {
				value, ok := test.env[name[len("OPENLINEAGE_"):]]
				return value, ok
			})
			if test.problem != "" {
				require.NotEmpty(t, problems)
				require.Contains(t, problems[0].Error(), test.problem)
				return
			}
			require.Empty(t, problems)
			require.Equal(t, test.want, got)
		})
	}
}
