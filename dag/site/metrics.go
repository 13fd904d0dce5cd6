package site

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/terrace-elt/terrace/dag"
)

// registry has the program's own metrics, the ledger's, and those of options.
func (h *server) registry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "terrace_build_info", Help: "The running program; always 1."}, []string{"version"})
	build.WithLabelValues(h.Version).Set(1)
	r.MustRegister(build, &ledgerMetrics{server: h}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, c := range h.Collectors {
		r.MustRegister(c)
	}
	return r
}

// ledgerMetrics tells what the ledger has. Counters are counted there: they do not begin anew with the process.
type ledgerMetrics struct {
	server *server

	mu    sync.Mutex
	last  []prometheus.Metric
	again time.Time
}

// How often the ledger is counted at most: not before so long, nor in more than a twentieth of the time.
const (
	countEvery = 10 * time.Second
	countShare = 20
)

// Describe implements prometheus.Collector: which metrics there are depends on the ledger.
func (m *ledgerMetrics) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (m *ledgerMetrics) Collect(out chan<- prometheus.Metric) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := m.server.now(); now.After(m.again) {
		ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
		defer cancel()
		counted, err := m.count(ctx)
		if err != nil {
			m.server.Log.Error("the ledger could not be counted", "error", err)
			counted = []prometheus.Metric{prometheus.NewInvalidMetric(desc("terrace_ledger", "The ledger could not be counted."), err)}
		}
		took := m.server.now().Sub(now)
		m.last, m.again = counted, now.Add(max(countEvery, countShare*took))
	}
	for _, metric := range m.last {
		out <- metric
	}
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// counting is one count of the ledger.
type counting struct {
	ctx     context.Context //nolint:containedctx // a count is one call
	tx      pgx.Tx
	project *Project
	source  Source
	now     time.Time
	out     []prometheus.Metric
}

func (m *ledgerMetrics) count(ctx context.Context) ([]prometheus.Metric, error) {
	source := m.server.source
	project, err := source.Project(ctx)
	if err != nil {
		return nil, err
	}
	c := &counting{ctx: ctx, project: project, source: source, now: m.server.now()}
	err = source.Read(ctx, func(tx pgx.Tx) error {
		c.tx = tx
		for _, count := range []func() error{c.runs, c.nodes, c.landed, c.assertions, c.streams, c.schedules, c.alerts} {
			if err := count(); err != nil {
				return err
			}
		}
		return nil
	})
	return c.out, err
}

func (c *counting) add(d *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
	c.out = append(c.out, prometheus.MustNewConstMetric(d, kind, value, labels...))
}

// runs counts those that there are, and those that were deleted when they were old.
func (c *counting) runs() error {
	bounds := dag.RunBounds()
	rows, err := c.tx.Query(c.ctx, `with ended as (
    select
        r.command, r.status, extract(epoch from r.ended_at - r.started_at) as seconds,
        ($1::float8[] || 'Infinity'::float8)[1 + width_bucket(extract(epoch from r.ended_at - r.started_at)::float8, $1::float8[])] as below
    from terrace.run as r
    where r.ended_at is not null
)
select e.command, e.status, e.below, count(*), sum(e.seconds)::float8
from ended as e
group by e.command, e.status, e.below
union all
select r.command, $2, 'Infinity', count(*), 0
from terrace.run as r
where `+dag.LostRun+`
group by r.command
union all
select f.name, f.result, f.below, f.count, f.seconds::float8
from terrace.forgotten as f
where f.what = 'run'`, bounds, dag.LostResult)
	if err != nil {
		return fmt.Errorf("count runs: %w", err)
	}
	type lengths struct {
		count   uint64
		sum     float64
		buckets map[float64]uint64
	}
	all, ends := map[string]*lengths{}, map[[2]string]int64{}
	var command, status string
	var count int64
	var below, sum float64
	_, err = pgx.ForEachRow(rows, []any{&command, &status, &below, &count, &sum}, func() error {
		ends[[2]string{command, status}] += count
		if status == dag.LostResult { // nobody knows how long it took
			return nil
		}
		l := all[command]
		if l == nil {
			l = &lengths{buckets: map[float64]uint64{}}
			for _, bound := range bounds {
				l.buckets[bound] = 0
			}
			all[command] = l
		}
		l.count, l.sum = l.count+uint64(count), l.sum+sum
		for _, bound := range bounds {
			if below <= bound {
				l.buckets[bound] += uint64(count)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("count runs: %w", err)
	}
	runs := desc("terrace_runs_total", "Runs that ended; those that were lost left no end, as when they were killed.", "job", "result")
	for of, count := range ends {
		c.add(runs, prometheus.CounterValue, float64(count), of[0], of[1])
	}
	took := desc("terrace_run_duration_seconds", "How long runs took.", "job")
	for _, job := range sortedKeys(all) {
		l := all[job]
		c.out = append(c.out, prometheus.MustNewConstHistogram(took, l.count, toMicroseconds(l.sum), l.buckets, job))
	}
	return nil
}

// toMicroseconds takes away what the order of adding seconds up makes: a counter that goes back by that is taken for one that
// began anew.
func toMicroseconds(seconds float64) float64 { return math.Round(seconds*1e6) / 1e6 }

func (c *counting) nodes() error {
	rows, err := c.tx.Query(c.ctx, `select every.node, every.status, sum(every.count)::bigint, sum(every.seconds)::float8
from (
    select s.node, s.status, count(*), sum(round(s.seconds::numeric, 6)) as seconds
    from terrace.step as s
    where s.kind <> 'assertion'
    group by s.node, s.status
    union all
    select f.name, f.result, f.count, f.seconds
    from terrace.forgotten as f
    where f.what = 'step'
) as every
group by every.node, every.status`)
	if err != nil {
		return fmt.Errorf("count steps: %w", err)
	}
	counts := map[string]uint64{}
	sums := map[string]float64{}
	results := desc("terrace_nodes_total", "Steps of nodes.", "node", "result")
	var node, status string
	var count int64
	var sum float64
	_, err = pgx.ForEachRow(rows, []any{&node, &status, &count, &sum}, func() error {
		c.add(results, prometheus.CounterValue, float64(count), node, status)
		counts[node], sums[node] = counts[node]+uint64(count), sums[node]+sum
		return nil
	})
	if err != nil {
		return fmt.Errorf("count steps: %w", err)
	}
	took := desc("terrace_node_duration_seconds", "How long the steps of nodes took.", "node")
	for _, node := range sortedKeys(counts) {
		c.out = append(c.out, prometheus.MustNewConstSummary(took, counts[node], toMicroseconds(sums[node]), nil, node))
	}
	return nil
}

// landed counts by source: what is landed in the streams of each.
func (c *counting) landed() error {
	sources := map[string]string{}
	for _, n := range c.project.Nodes {
		sources[n.Name] = n.Source
	}
	rows, err := c.tx.Query(c.ctx, `select b.node, sum(b.rows_inserted + b.rows_updated)::bigint, sum(b.bytes)::bigint
from terrace.batch as b
where b.slice_id is not null
group by b.node
union all
select f.name, f.count, f.bytes
from terrace.forgotten as f
where f.what = 'landing'`)
	if err != nil {
		return fmt.Errorf("count landings: %w", err)
	}
	records, bytes := map[string]int64{}, map[string]int64{}
	var node string
	var count, size int64
	_, err = pgx.ForEachRow(rows, []any{&node, &count, &size}, func() error {
		if source := sources[node]; source != "" {
			records[source] += count
			bytes[source] += size
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("count landings: %w", err)
	}
	rowsTotal := desc("terrace_rows_landed_total", "Records that were new or changed when they were landed.", "source")
	bytesTotal := desc("terrace_landing_bytes_total", "Bytes of landed records.", "source")
	for _, source := range sortedKeys(records) {
		c.add(rowsTotal, prometheus.CounterValue, float64(records[source]), source)
		c.add(bytesTotal, prometheus.CounterValue, float64(bytes[source]), source)
	}
	return nil
}

func (c *counting) assertions() error {
	q, err := c.source.Quality(c.ctx, c.tx)
	if err != nil {
		return err
	}
	failures := desc("terrace_assertion_failures", "Rows that an assertion returned when it was judged last.", "node", "assertion", "severity")
	rejected := desc("terrace_rejected_rows", "Records and rows that are kept out now.", "node")
	for _, a := range q.Assertions {
		if a.Status == "never" || len(a.On) == 0 {
			continue
		}
		c.add(failures, prometheus.GaugeValue, float64(a.Failing), a.On[0], a.Name, string(a.Severity))
	}
	for _, r := range q.Rejects {
		c.add(rejected, prometheus.GaugeValue, float64(r.Count), r.Node)
	}
	return nil
}

func (c *counting) streams() error {
	streams, err := c.source.Streams(c.ctx)
	if err != nil {
		return err
	}
	age := desc("terrace_freshness_seconds", "How long ago a stream was read to its end, of all values that it is read for the one longest ago.", "node")
	oldest := map[string]float64{}
	for _, s := range streams {
		if s.LastRead != nil {
			oldest[s.Stream] = math.Max(oldest[s.Stream], c.now.Sub(*s.LastRead).Seconds())
		}
	}
	for _, stream := range sortedKeys(oldest) {
		c.add(age, prometheus.GaugeValue, oldest[stream], stream)
	}
	return nil
}

func (c *counting) schedules() error {
	all, err := schedules(c.ctx, c.tx)
	if err != nil {
		return err
	}
	names, forgotten := make([]string, 0, len(all)), map[string]int64{}
	lag := desc("terrace_schedule_lag_seconds", "How long a schedule has been due without having begun.", "schedule")
	for _, s := range all {
		names = append(names, s.Name)
		forgotten[s.Name] = s.Forgotten
		if s.State(c.now) != "paused" {
			c.add(lag, prometheus.GaugeValue, s.Lag(c.now).Seconds(), s.Name)
		}
	}
	rows, err := c.tx.Query(c.ctx, `select
    o.schedule, max(extract(epoch from o.ended_at)) filter (where o.status = 'success')::float8,
    count(*) filter (where o.status = 'skip')
from terrace.occurrence as o
group by o.schedule`)
	if err != nil {
		return fmt.Errorf("count occurrences: %w", err)
	}
	success := desc("terrace_schedule_last_success_timestamp_seconds", "When a schedule's last command ended well.", "schedule")
	missed := desc("terrace_schedule_missed_total", "Times of a schedule at which nothing ran.", "schedule")
	var name string
	var last *float64
	var skipped int64
	_, err = pgx.ForEachRow(rows, []any{&name, &last, &skipped}, func() error {
		if !slices.Contains(names, name) {
			return nil
		}
		if last != nil {
			c.add(success, prometheus.GaugeValue, *last, name)
		}
		c.add(missed, prometheus.CounterValue, float64(skipped+forgotten[name]), name)
		return nil
	})
	if err != nil {
		return fmt.Errorf("count occurrences: %w", err)
	}
	return nil
}

// alerts counts messages that are over with: those that wait are not.
func (c *counting) alerts() error {
	rows, err := c.tx.Query(c.ctx, `select a.channel, a.status, count(*)
from terrace.alert as a
where a.status in ('sent', 'failed', 'suppressed')
group by a.channel, a.status`)
	if err != nil {
		return fmt.Errorf("count alerts: %w", err)
	}
	total := desc("terrace_alerts_total", "Messages by what became of them.", "channel", "result")
	var channel, status string
	var count int64
	_, err = pgx.ForEachRow(rows, []any{&channel, &status, &count}, func() error {
		c.add(total, prometheus.CounterValue, float64(count), channel, status)
		return nil
	})
	if err != nil {
		return fmt.Errorf("count alerts: %w", err)
	}
	return nil
}
