package alert

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag"
)

func all(string) bool { return true }

func ended(steps ...dag.StepReport) Run {
	at := start.Add(time.Minute)
	return Run{
		RunInfo: dag.RunInfo{RunID: uuid.New(), Command: "update", StartedAt: start, EndedAt: &at, Arguments: map[string]any{"select": []any{"a+"}}},
		Report:  dag.Report{Steps: steps},
	}
}

func failing(name string, kind dag.NodeKind, fault dag.StepFault) dag.StepReport {
	return dag.StepReport{Name: name, Kind: kind, Status: dag.Failure, Error: &fault}
}

func blocked(name, root string) dag.StepReport {
	return dag.StepReport{Name: name, Kind: dag.KindTable, Status: dag.Skipped, Reason: "upstream failed: " + root}
}

func problems(findings []Finding) map[string]*Problem {
	out := map[string]*Problem{}
	for _, f := range findings {
		out[f.Subject] = f.Problem
	}
	return out
}

var everything = Rule{Name: "r", On: []Kind{Failure, Error, DataQuality, PartialSuccess, Recovered}} //nolint:gochecknoglobals // a constant

func TestFindings_nameTheRootOnce(t *testing.T) {
	t.Parallel()
	run := ended(
		failing("dwd.broken", dag.KindTable, dag.StepFault{Message: "division by zero", SQLState: "22012", File: "models/dwd/broken.sql", Line: 3, Column: 8, Hint: "look"}),
		blocked("dws.after", "dwd.broken"), blocked("ads.last", "dwd.broken"),
		dag.StepReport{Name: "dwd.good", Kind: dag.KindTable, Status: dag.Success},
		dag.StepReport{Name: "dwd.same", Kind: dag.KindTable, Status: dag.Skipped, Reason: "unchanged"},
		dag.StepReport{Name: "dwd.stopped", Kind: dag.KindTable, Status: dag.Cancelled},
	)
	got := problems(run.findings(everything, all, start))
	require.Len(t, got, 4)
	require.Equal(t, &Problem{
		Kind: Failure, Message: "division by zero [22012]", Place: "models/dwd/broken.sql:3:8", Hint: "look",
		Skipped: []string{"ads.last", "dws.after"}, Run: run.RunID.String(),
	}, got["dwd.broken"])
	require.Contains(t, got, "dwd.good")
	require.Nil(t, got["dwd.good"])
	require.Contains(t, got, "terrace update a+", "the run as a whole came to its end")
}

// A model that was not published because of its assertions is a consequence: the assertion is the root.
func TestFindings_putAModelUnderItsAssertion(t *testing.T) {
	t.Parallel()
	run := ended(
		failing("dwd.fact.not_null_id", dag.KindAssertion, dag.StepFault{Message: `12 failing rows, for example {"id": null, "phone": "13800000000"}`, Data: true}),
		failing("dwd.fact", dag.KindTable, dag.StepFault{Message: "not published: dwd.fact.not_null_id failed", Data: true}),
		blocked("dws.sum", "dwd.fact"),
		dag.StepReport{Name: "dws.together", Kind: dag.KindTable, Status: dag.Skipped, Reason: "not published: dwd.fact failed"},
	)
	got := problems(run.findings(everything, all, start))
	require.NotContains(t, got, "dwd.fact")
	require.Equal(t, DataQuality, got["dwd.fact.not_null_id"].Kind)
	require.Equal(t, []string{"dwd.fact", "dws.sum", "dws.together"}, got["dwd.fact.not_null_id"].Skipped)
	require.Equal(t, "12 failing rows", got["dwd.fact.not_null_id"].Message, "no rows unless asked for")
	rule := everything
	rule.Samples = true
	require.Contains(t, problems(run.findings(rule, all, start))["dwd.fact.not_null_id"].Message, "13800000000")
}

// A rule about a model is told of what keeps it from being built.
func TestFindings_areAboutWhatIsSelectedAndWhatHoldsItUp(t *testing.T) {
	t.Parallel()
	run := ended(
		failing("ods.orders", dag.KindStream, dag.StepFault{Message: "HTTP 500"}), blocked("dws.sum", "ods.orders"),
		failing("ods.users", dag.KindStream, dag.StepFault{Message: "HTTP 500"}),
	)
	rule := everything
	rule.Select = "dws.sum"
	got := problems(run.findings(rule, func(name string) bool { return name == "dws.sum" }, start))
	require.Len(t, got, 2)
	require.NotNil(t, got["ods.orders"])
	require.Nil(t, got["terrace update a+"])
}

func TestFindings_knowTheirKinds(t *testing.T) {
	t.Parallel()
	run := ended(
		failing("failed", dag.KindTable, dag.StepFault{Message: "syntax"}),
		dag.StepReport{Name: "timeout", Kind: dag.KindTable, Status: dag.Timeout},
		dag.StepReport{Name: "lost", Kind: dag.KindTable, Status: dag.Error, Error: &dag.StepFault{Message: "EOF"}},
		failing("key", dag.KindTable, dag.StepFault{Message: "values of id that occur more than once: 3; for example 17", Data: true}),
		dag.StepReport{Name: "slices", Kind: dag.KindStream, Status: dag.PartialSuccess, Reason: "2 of 3 slices are complete"},
		dag.StepReport{Name: "rejects", Kind: dag.KindTable, Status: dag.Success, Rows: dag.Rows{Rejected: 4}},
	)
	got := problems(run.findings(everything, all, start))
	for name, want := range map[string]string{
		"failed": "failure: syntax", "timeout": "failure: timeout", "lost": "error: EOF", "key": "data_quality: values of id that occur more than once: 3",
		"slices": "partial_success: 2 of 3 slices are complete", "rejects": "partial_success: 4 rows rejected",
	} {
		require.Equal(t, want, string(got[name].Kind)+": "+got[name].Message)
	}
	only := Rule{On: []Kind{DataQuality}}
	for name, p := range problems(run.findings(only, all, start)) {
		require.Equal(t, name == "key", p != nil, name)
	}
}

func TestFindings_tellOfARunThatWasKilled(t *testing.T) {
	t.Parallel()
	run := ended()
	run.EndedAt, run.Status = nil, string(dag.Error)
	got := problems(run.findings(everything, all, start))
	require.Equal(t, Error, got["terrace update a+"].Kind)
	require.Contains(t, got["terrace update a+"].Message, "left no end")
}

func TestWithoutRows_takesValuesOut(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]string{
		`null value in column "a" violates (Failing row contains (1, 138, (x)).)`: `null value in column "a" violates (Failing row contains (…)).)`,
		"duplicate key (Key (phone)=(138) already exists.)":                       "duplicate key (Key (phone)=(…) already exists.)",
		"3 failing rows, for example {\"a\": 1}":                                  "3 failing rows",
		"division by zero":                                                        "division by zero",
	} {
		require.Equal(t, want, withoutRows(message))
	}
}

func TestSlow_comparesWithALimitAndWithTheMedian(t *testing.T) {
	t.Parallel()
	run := ended(dag.StepReport{Name: "a", Status: dag.Success, Seconds: 700}, dag.StepReport{Name: "b", Status: dag.Success, Seconds: 30}, failing("c", dag.KindTable, dag.StepFault{}))
	run.Report.Seconds = 740
	whole := run.slow(Rule{LongerThan: 10 * time.Minute}, all, nil)
	require.Len(t, whole, 1)
	require.Equal(t, "took 12 min, longer than 10 min", whole[0].Problem.Message)
	requireChinese(t, whole[0].Problem)
	require.Equal(t, "The slowest: a 12 min, b 30 s", whole[0].Problem.Hint)
	steps := Rule{Select: "x", SlowerThan: 3}
	require.Equal(t, []string{"a", "b"}, run.paced(steps, all))
	got := problems(run.slow(steps, all, map[string]Pace{"a": {Median: 100, Runs: 20}, "b": {Median: 5, Runs: 4}}))
	require.Equal(t, "took 12 min, where the median of the last 20 is 2 min", got["a"].Message)
	require.Nil(t, got["b"], "four runs say nothing")
	require.NotContains(t, got, "c")
}
