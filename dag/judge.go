package dag

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
)

// samples is how many failing rows are kept and shown.
const samples = 5

// verdict is what one assertion found.
type verdict struct {
	node    *Node
	status  string // pass | fail | warn | error
	failing int64
	rows    json.RawMessage
	message string
	err     error
	// seconds is how long the question took; those that one scan answered share its time.
	seconds float64
}

// judge asks the step's gates of the content that is about to be published: of the staged relation, or, where stage is
// empty, of the model under its own name in this transaction. All are asked before the step fails.
func (b *building) judge(ctx context.Context, stage string) error {
	if len(b.step.Gates) == 0 {
		return nil
	}
	if err := b.flush(ctx); err != nil {
		return err
	}
	verdicts, err := b.askAll(ctx, b.nodes(b.step.Gates), stage)
	if err != nil {
		return err
	}
	var failed []string
	for _, v := range verdicts {
		b.result.Judged[v.node.Name] = v.result()
		b.verdicts = append(b.verdicts, v)
		if v.status == "fail" || v.status == "error" {
			failed = append(failed, v.node.Name)
		}
	}
	if len(failed) > 0 {
		return &DataError{Message: fmt.Sprintf("not published: %s failed", strings.Join(failed, ", "))}
	}
	return nil
}

// judgeAlone runs an assertion as a step of its own, and those that go with it.
func (b *building) judgeAlone(ctx context.Context) error {
	verdicts, err := b.askAll(ctx, append([]*Node{b.step.node}, b.nodes(b.step.Leads)...), "")
	if err != nil {
		return err
	}
	b.verdicts = append(b.verdicts, verdicts...)
	judged := map[string]Result{}
	for _, v := range verdicts[1:] {
		judged[v.node.Name] = v.result()
	}
	v := verdicts[0]
	b.result = v.result()
	if b.result.Status.Bad() {
		judged[b.step.Name] = b.result
	}
	b.result.Judged = judged
	return v.err
}

func (b *building) nodes(names []string) []*Node {
	out := make([]*Node, len(names))
	for i, name := range names {
		out[i] = b.Graph.Node(name)
	}
	return out
}

// askAll runs assertions on one relation. Those that single rows break are asked in one scan; only the ones that some row
// breaks, or that could not be asked so, are asked on their own, which says more.
func (b *building) askAll(ctx context.Context, nodes []*Node, stage string) ([]verdict, error) {
	lap := b.stopwatch()
	kept, err := b.kept(ctx, nodes, stage)
	if err != nil {
		return nil, err
	}
	shared := lap() / float64(max(len(kept), 1))
	verdicts := make([]verdict, len(nodes))
	for i, n := range nodes {
		isKept, scanned := kept[n.Name]
		if isKept {
			verdicts[i] = verdict{node: n, status: "pass", seconds: shared}
			continue
		}
		if verdicts[i], err = b.ask(ctx, n, stage); err != nil {
			return nil, err
		}
		if verdicts[i].seconds = lap(); scanned {
			verdicts[i].seconds += shared
		}
	}
	return verdicts, nil
}

// stopwatch gives a function that tells how many seconds have passed since it was asked before, 0 without a clock.
func (b *building) stopwatch() (lap func() float64) {
	if b.Now == nil {
		return func() float64 { return 0 }
	}
	last := b.Now()
	return func() float64 {
		before := last
		last = b.Now()
		return last.Sub(before).Seconds()
	}
}

// scannedAtOnce is how many assertions one scan may judge: a statement has room for 1,664 results.
const scannedAtOnce = 1000

// kept asks by one scan which assertions no row breaks: true for those, false for the others that it asked. It asks for none
// where it is not worth it or not possible.
func (b *building) kept(ctx context.Context, nodes []*Node, stage string) (map[string]bool, error) {
	var asked []*Node
	var conditions []string
	for _, n := range nodes {
		if n.scannable() && len(asked) < scannedAtOnce {
			asked, conditions = append(asked, n), append(conditions, materialize.Broken(*n.Inline))
		}
	}
	if len(asked) < 2 {
		return nil, nil
	}
	names, err := b.standIns(ctx, asked[0], stage)
	if err != nil {
		return nil, err
	}
	relation, elsewhere := names[asked[0].On[0]]
	if !elsewhere {
		relation = materialize.Quote(asked[0].On[0])
	}
	answer, err := b.askAside(ctx, command(materialize.BrokenCounts(relation, conditions)))
	var refused *refusedError
	if errors.As(err, &refused) {
		return nil, nil // one of them is wrong, and on its own it will be found
	}
	if err != nil {
		return nil, fmt.Errorf("judge %s: %w", asked[0].On[0], err)
	}
	kept := map[string]bool{}
	for i, n := range asked {
		kept[n.Name] = string(answer[i]) == "0"
	}
	return kept, nil
}

// scannable reports whether an assertion is about single rows of one relation, and reads nothing else.
func (n *Node) scannable() bool {
	return n.Inline != nil && len(n.On) == 1 && len(n.Deps) == 1 && materialize.Broken(*n.Inline) != ""
}

// refusedError is a question that the server did not understand, or could not answer for the data that is there.
type refusedError struct{ error }

func (e *refusedError) Unwrap() error { return e.error }

// askAside asks a question of one row in a read-only savepoint, so that a broken one spoils neither the others nor the
// transaction.
func (b *building) askAside(ctx context.Context, question materialize.Statement) ([][]byte, error) {
	results, err := b.exec(ctx,
		command("savepoint judge"), command("set local transaction_read_only = on"),
		question,
		command("rollback to savepoint judge"), command("release savepoint judge"))
	if err == nil {
		return results[2].Rows[0], nil
	}
	if unavailable(err) || Retryable(err) || ctx.Err() != nil || sqlState(err) == "57014" {
		return nil, err
	}
	if _, err := b.exec(ctx, command("rollback to savepoint judge")); err != nil {
		return nil, err
	}
	return nil, &refusedError{err}
}

// standIns are the relations that an assertion reads and that stand elsewhere now, with where: what it judges is staged,
// where stage is not empty.
func (b *building) standIns(ctx context.Context, n *Node, stage string) (map[string]string, error) {
	names := map[string]string{}
	if b.together != nil {
		if err := b.together.standIns(ctx, names, n.Deps); err != nil {
			return nil, fmt.Errorf("judge %s: %w", n.Name, err)
		}
	}
	if stage != "" {
		names[n.On[0]] = stage
	}
	return names, nil
}

// ask runs one assertion.
func (b *building) ask(ctx context.Context, n *Node, stage string) (verdict, error) {
	v := verdict{node: n}
	names, err := b.standIns(ctx, n, stage)
	if err != nil {
		return v, err
	}
	statement, written, errorIf, warnIf, err := b.question(n, names)
	if err != nil {
		return v, err
	}
	answer, err := b.askAside(ctx, statement)
	var refused *refusedError
	switch {
	case errors.As(err, &refused):
		v.status = "error"
		if len(names) > 0 {
			v.err = located(refused.error, n.File, sqlLine(n), statement, func(n int) (string, string) { return written.Before(n), "" })
		} else {
			v.err = locate(refused.error, n.File, sqlLine(n), statement)
		}
		v.message = v.err.Error()
		return v, nil
	case err != nil:
		return v, fmt.Errorf("judge %s: %w", n.Name, err)
	}
	if v.failing, err = strconv.ParseInt(string(answer[0]), 10, 64); err != nil {
		return v, fmt.Errorf("judge %s: %w", n.Name, err)
	}
	v.rows = answer[3]
	v.conclude(n.Severity(), isTrue(answer[1]), isTrue(answer[2]), errorIf, warnIf)
	return v, nil
}

// isTrue reads a boolean as the server writes it.
func isTrue(text []byte) bool { return string(text) == "t" }

// question is the statement that counts and samples an assertion's failing rows, and judges the count. What the query
// reads may stand elsewhere than it says: names has what to read instead; the map may be changed.
func (b *building) question(n *Node, names map[string]string) (s materialize.Statement, written model.Exchanged, errorIf, warnIf string, err error) {
	errorIf, warnIf = "> 0", "> 0"
	query := ""
	if n.Inline != nil {
		judged, staged := names[n.On[0]]
		if !staged {
			judged = materialize.Quote(n.On[0])
		}
		delete(names, n.On[0])
		query = materialize.Assertion(*n.Inline, judged)
	} else {
		query = n.Assertion.SQL
		errorIf, warnIf = orDefault(n.Assertion.ErrorIf, errorIf), orDefault(n.Assertion.WarnIf, warnIf)
	}
	if len(names) > 0 {
		parsed, err := model.ParseQuery(query)
		if err != nil {
			return s, written, "", "", fmt.Errorf("re-point %s: %w", n.Name, err)
		}
		written = parsed.Exchange(names)
		query = written.SQL
	}
	// Rows are counted as they come: however many fail, the server keeps none but the samples.
	head := fmt.Sprintf("-- %s\nwith failing as (\n", n.Name)
	s.SQL = head + query + fmt.Sprintf(`
)
select judged.n, judged.n %s, judged.n %s, judged.samples
from (
    select count(*) as n, jsonb_agg(numbered.sample) filter (where numbered.sample is not null) as samples
    from (select case when row_number() over () <= %d then to_jsonb(f.*) end as sample from failing as f) as numbered
) as judged`, errorIf, warnIf, samples)
	s.Body = utf8.RuneCountInString(head)
	if n.Inline != nil {
		s.Body = -1 // not the text of the file
	}
	return s, written, errorIf, warnIf, nil
}

func (v *verdict) conclude(severity model.Severity, isError, isWarn bool, errorIf, warnIf string) {
	switch {
	case severity == model.SeverityError && isError:
		v.status = "fail"
	case isWarn && (severity == model.SeverityWarn || warnIf != errorIf):
		v.status = "warn"
	default:
		v.status = "pass"
		return
	}
	v.message = count(v.failing, "failing row")
	if len(v.rows) > 0 {
		v.message += forExample + firstOf(v.rows)
	}
	if v.status == "fail" {
		v.err = &DataError{Message: v.message}
	}
}

// forExample stands between what an assertion found and the first row of it.
const forExample = ", for example "

// WithoutExample is a message of an assertion without the row of data that it quotes.
func WithoutExample(message string) string {
	said, _, _ := strings.Cut(message, forExample)
	return said
}

// firstOf returns the first element of a JSON array as text.
func firstOf(array json.RawMessage) string {
	var rows []json.RawMessage
	if json.Unmarshal(array, &rows) != nil || len(rows) == 0 {
		return shortened(string(array))
	}
	return shortened(string(rows[0]))
}

// longestExample is how many characters of a row a message shows; the ledger keeps all of it.
const longestExample = 500

func shortened(text string) string {
	if runes := []rune(text); len(runes) > longestExample {
		return string(runes[:longestExample]) + "…"
	}
	return text
}

// warning is what the reason of an assertion begins with that found something to warn of.
const warning = "warning: "

// Warned reports whether a step's reason says that an assertion found something that is not as it should be, and that
// stops nothing.
func Warned(reason string) bool { return strings.HasPrefix(reason, warning) }

func (v verdict) result() Result {
	r := Result{Reason: v.message}
	switch v.status {
	case "pass":
		r.Status = Success
	case "warn":
		r.Status, r.Reason = Success, warning+v.message
	default:
		r.Status = Failure
		r.Err = v.err
		if Surroundings(v.err) {
			r.Status = Error
		} else if v.node.Severity() == model.SeverityWarn {
			r.Reason = "the assertion's own SQL is wrong"
		}
	}
	return r
}

func sqlLine(n *Node) int {
	if n.Assertion != nil {
		return n.Assertion.SQLLine
	}
	return n.Line
}

func orDefault(text, fallback string) string {
	if text == "" {
		return fallback
	}
	return text
}
