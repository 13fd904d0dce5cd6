package dag

import (
	"context"
	"encoding/json"
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
	var failed []string
	for _, name := range b.step.Gates {
		v, err := b.ask(ctx, b.Graph.Node(name), stage)
		if err != nil {
			return err
		}
		b.result.Judged[name] = v.result()
		b.verdicts = append(b.verdicts, v)
		if v.status == "fail" || v.status == "error" {
			failed = append(failed, name)
		}
	}
	if len(failed) > 0 {
		return &DataError{Message: fmt.Sprintf("not published: %s failed", strings.Join(failed, ", "))}
	}
	return nil
}

// judgeAlone runs an assertion as a step of its own.
func (b *building) judgeAlone(ctx context.Context) error {
	v, err := b.ask(ctx, b.step.node, "")
	if err != nil {
		return err
	}
	b.verdicts = append(b.verdicts, v)
	b.result = v.result()
	if b.result.Status.Bad() {
		b.result.Judged = map[string]Result{b.step.Name: b.result}
		return v.err
	}
	return nil
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

// ask runs one assertion in a read-only savepoint, so that a broken one spoils neither the others nor the transaction.
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
	results, err := b.exec(ctx,
		command("savepoint judge"), command("set local transaction_read_only = on"),
		statement,
		command("rollback to savepoint judge"), command("release savepoint judge"))
	if err == nil {
		answer := results[2].Rows[0]
		if v.failing, err = strconv.ParseInt(string(answer[0]), 10, 64); err != nil {
			return v, fmt.Errorf("judge %s: %w", n.Name, err)
		}
		v.rows = answer[3]
		v.conclude(n.Severity(), isTrue(answer[1]), isTrue(answer[2]), errorIf, warnIf)
		return v, nil
	}
	if Surroundings(err) || Retryable(err) || ctx.Err() != nil || sqlState(err) == "57014" {
		return v, fmt.Errorf("judge %s: %w", n.Name, err)
	}
	v.status = "error"
	if len(names) > 0 {
		v.err = located(err, n.File, sqlLine(n), statement, written.Before)
	} else {
		v.err = locate(err, n.File, sqlLine(n), statement)
	}
	v.message = v.err.Error()
	if _, err := b.exec(ctx, command("rollback to savepoint judge")); err != nil {
		return v, fmt.Errorf("judge %s: %w", n.Name, err)
	}
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
	head := fmt.Sprintf("-- %s\nwith failing as materialized (\n", n.Name)
	s.SQL = head + query + fmt.Sprintf(`
)
select
    judged.n, judged.n %s, judged.n %s,
    (select jsonb_agg(to_jsonb(f)) from (select * from failing limit %d) as f)
from (select count(*) as n from failing) as judged`, errorIf, warnIf, samples)
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
		v.message += ", for example " + firstOf(v.rows)
	}
	if v.status == "fail" {
		v.err = &DataError{Message: v.message}
	}
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

func (v verdict) result() Result {
	r := Result{Reason: v.message}
	switch v.status {
	case "pass":
		r.Status = Success
	case "warn":
		r.Status, r.Reason = Success, "warning: "+v.message
	default:
		r.Status = Failure
		r.Err = v.err
		if v.node.Severity() == model.SeverityWarn {
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
