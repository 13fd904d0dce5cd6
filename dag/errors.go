package dag

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
)

// ErrNoRun says that the ledger has no run of that kind.
var ErrNoRun = errors.New("no such run in the ledger")

// HeldError says that another run works on a node.
type HeldError struct {
	Node string
	// Holder is in words: the run, its process, since when it has had the lock, and since when the server has heard nothing of it.
	Holder string
	// Session is the server's process of the session that has the lock, 0 where it is not known.
	Session int32
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("%s is being built by another run: %s", e.Node, e.Holder)
}

// DataError says that data is not as declared: an assertion of severity error, a key that is not one.
type DataError struct{ Message string }

func (e *DataError) Error() string { return e.Message }

// Surroundings reports whether an error is the database's, the network's or the disk's and not the project's own: a right
// that the role lacks is one.
func Surroundings(err error) bool {
	return unavailable(err) || sqlState(err) == denied
}

// unavailable reports whether an error is of the surroundings whatever a statement says: another one would fail as well.
func unavailable(err error) bool {
	var connect *pgconn.ConnectError
	if lost(err) || errors.As(err, &connect) {
		return true
	}
	switch class(sqlState(err)) {
	case "08", "28", "3D", "53", "57", "58", "XX": // connection, login, no such database, resources, shutdown, system
		return sqlState(err) != "57014"
	}
	return sqlState(err) == takesNoChanges
}

// takesNoChanges is said by a standby, and by a server or database that takes no changes for now.
const takesNoChanges = "25006"

// diskFull is said where the server cannot write for lack of room.
const diskFull = "53100"

// tookTooLong is said, since version 17, by a server that limits transactions. It ends the session.
const tookTooLong = "25P04"

// denied is said where the role lacks a right.
const denied = "42501"

// HintOf is the next step after an error of the server: the one that it brings, where that is a good one, or "".
func HintOf(err error) string {
	var server *pgconn.PgError
	if !errors.As(err, &server) {
		return ""
	}
	switch {
	case server.Code == "2BP01", server.Code == "0A000" && server.Detail != "": // the message or its detail names what; the server's own hint is CASCADE
		return "Drop or change what depends on it first; terrace drops nothing that it cannot make again."
	case server.Code == lockTimedOut:
		return "Somebody has been reading or changing it all the while: see pg_stat_activity, then run again."
	case server.Code == diskFull: // which the server answers with "Check free disk space."
		return "A disk of the database server is full, the one that the file is on. What was published stands, and what was under way is undone; make room there, then terrace retry."
	case server.Hint != "":
		return server.Hint
	}
	switch server.Code {
	case "57014":
		if strings.Contains(server.Message, "statement timeout") { // as a server says it that speaks English
			return "The server's statement_timeout ended it, which the role, the database or the server's configuration sets. For the role alone: alter role NAME set statement_timeout = '2h'; then terrace retry."
		}
		return "Somebody cancelled the statement, or the server's statement_timeout ended it: its log says which. terrace retry runs it again."
	case tookTooLong:
		return "The server's transaction_timeout ended it, which the role, the database or the server's configuration sets. A step is one transaction. For the role alone: alter role NAME set transaction_timeout = '2h'; then terrace retry."
	case denied:
		return "The role lacks a right: the owner of what it names grants it, or terrace migrate --roles, which makes roles with what they need."
	case takesNoChanges:
		return "The database takes no changes: a standby after a failover, or default_transaction_read_only. Name the primary in the database URL."
	}
	return ""
}

// lost reports whether the connection broke.
func lost(err error) bool {
	var network net.Error
	if errors.Is(err, context.DeadlineExceeded) { // is a net.Error, too
		return false
	}
	return errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed)
}

// Retryable reports whether running the whole transaction again can succeed without anybody's help.
func Retryable(err error) bool {
	switch state := sqlState(err); {
	case state == "40001" || state == "40P01": // serialization failure, deadlock
		return true
	case state == "57P01" || state == "57P02" || state == "57P03" || class(state) == "08": // server or session ended
		return true
	case state == "25P03": // the server took us for stopped, and we were
		return true
	case state == "53300": // all connections are taken
		return true
	case state == "XX000": // "tuple concurrently updated": two transactions changed one entry of the catalog
		return true
	}
	return lost(err) || pgconn.SafeToRetry(err)
}

// alreadyThere reports whether an error says that a relation of the name is there: two that make one at the same time
// break a unique index of the catalog, which is no duplicate key of a model.
func alreadyThere(err error) bool {
	var server *pgconn.PgError
	return errors.As(err, &server) && (server.Code == "42P07" || server.Code == "23505" && server.SchemaName == "pg_catalog")
}

func sqlState(err error) string {
	var server *pgconn.PgError
	if errors.As(err, &server) {
		return server.Code
	}
	return ""
}

func class(state string) string {
	if len(state) < 2 {
		return ""
	}
	return state[:2]
}

// statusOf says how a step with this error ended.
func statusOf(ctx context.Context, err error) Status {
	switch {
	case err == nil:
		return Success
	case errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		return Timeout
	case ctx.Err() != nil:
		return Cancelled
	case slices.Contains([]string{"57014", lockTimedOut, tookTooLong}, sqlState(err)): // a statement's, a lock's or a transaction's time was over
		return Timeout
	case Surroundings(err):
		return Error
	}
	var held *HeldError
	if errors.As(err, &held) {
		return Error
	}
	return Failure
}

// locate gives an error of the server its place in the file that the statement's body was written in.
func locate(err error, file string, line int, s materialize.Statement) error {
	return located(err, file, line, s, func(n int) (string, string) {
		text := []rune(s.SQL)[s.Body:]
		n = min(n, len(text))
		return string(text[:n]), string(text[n:])
	})
}

// locateIn is locate for a statement whose body is a model's SQL, which may read other relations than the file says.
func locateIn(err error, m *model.Model, s materialize.Statement) error {
	return located(err, m.File, m.SQLLine, s, func(n int) (string, string) {
		before := m.Before(n)
		return before, strings.TrimPrefix(m.SQL, before)
	})
}

// tooLong says of a row that is too long for an index which columns are, and what to do.
func tooLong(err error, m *model.Model) error {
	var server *pgconn.PgError
	var located *StepError
	if sqlState(err) != "54000" || !errors.As(err, &server) || !errors.As(err, &located) || server.ConstraintName == "" && !strings.HasPrefix(server.Message, "index row") {
		return err
	}
	columns := strings.Join(materialize.IndexedColumns(m, server.ConstraintName), ", ")
	fault := located.StepFault
	fault.Message = fmt.Sprintf("values of (%s) are too long for an index of %s, which takes 2704 bytes of a row: %s", columns, m.Name, server.Message)
	fault.Hint = "Name a shorter column, or one of a hash in the place of the long one (md5(…) as …_md5), and keep the text beside it."
	return &StepError{StepFault: fault, err: err}
}

// located is locate, given what stands in the file before a character of the body, and behind.
func located(err error, file string, line int, s materialize.Statement, cut func(int) (before, behind string)) error {
	var server *pgconn.PgError
	if !errors.As(err, &server) {
		return err
	}
	fault := StepFault{Message: server.Message, SQLState: server.Code, Hint: HintOf(server), File: file}
	if server.Detail != "" {
		fault.Message += " (" + strings.ReplaceAll(server.Detail, "\n", "; ") + ")"
	}
	if s.Purpose != "" {
		fault.Message = s.Purpose + ": " + fault.Message
	}
	if at := int(server.Position) - 1; s.Body >= 0 && at >= s.Body {
		before, behind := cut(at - s.Body)
		fault.Line, fault.Column = place(before, line)
		if server.Code != denied { // the server did not understand it, as check would say
			fault.Hint = orDefault(hintFor(server, before, behind), fault.Hint)
		}
	}
	return &StepError{StepFault: fault, err: err}
}

// advised adds to the error of a step what check would say of it, for which the server is asked once more: which column or
// function was meant, or which there are.
func (b *building) advised(ctx context.Context, err error) error {
	var known *StepError
	var server *pgconn.PgError
	m := b.step.node.Model
	if m == nil || ctx.Err() != nil || !errors.As(err, &known) || !errors.As(err, &server) {
		return err
	}
	hint := ""
	switch found := noFunction.FindStringSubmatch(server.Message); {
	case server.Code == noSuchFunction && found != nil:
		if functions, failed := functionsNamed(ctx, b.Pool, found[2:]); failed == nil {
			hint = functionHint(found[1], found[2], functions)
		}
	case known.Hint == "":
		q, failed := model.ParseQuery(m.SQL)
		if name, _ := missingIn(server); name == "" || failed != nil {
			return err
		}
		var reads []string
		for _, r := range q.Reads {
			reads = append(reads, r.Name)
		}
		if columns, failed := LoadColumns(ctx, b.Pool, sortedSet(reads)); failed == nil {
			hint = columnsByName(columns).columnHint(server, m.SQL)
		}
	}
	if hint == "" {
		return err
	}
	fault := known.StepFault
	fault.Hint = hint
	return &StepError{StepFault: fault, err: err}
}

// place counts lines and columns: text stands before the place, and begins at the start of a line of its file.
func place(text string, line int) (int, int) {
	last := strings.LastIndexByte(text, '\n')
	return line + strings.Count(text, "\n"), utf8.RuneCountInString(text[last+1:]) + 1
}

// missing turns "relation does not exist" for a declared dependency of a node into what to do about it.
func missing(err error, node, file string) error {
	if state := sqlState(err); node == "" || state != "42P01" && state != "3F000" {
		return err
	}
	var server *pgconn.PgError
	errors.As(err, &server)
	fault := StepFault{Message: server.Message, SQLState: server.Code, File: file}
	var located *StepError
	if errors.As(err, &located) {
		fault = located.StepFault
	}
	fault.Hint = fmt.Sprintf("Build what it reads first: terrace run +%s; streams are filled by terrace extract.", node)
	return &StepError{StepFault: fault, err: err}
}
