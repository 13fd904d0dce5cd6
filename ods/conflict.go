package ods

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// maxTries bounds how often a page is tried again. Each conflict means that another page has been committed.
const maxTries = 20

// errOvertaken is a row or slice that another transaction has changed since this one looked: looking again tells.
var errOvertaken = errors.New("overtaken by another transaction")

// isTransient reports whether trying the whole page again can help: another transaction was faster, or the connection
// is gone, and with it perhaps the answer to a commit.
func isTransient(err error) bool {
	if errors.Is(err, errOvertaken) || isConnectionLost(err) {
		return true
	}
	switch sqlState(err) {
	case "23505", // unique_violation: another page brought the same new key
		"40001", // serialization_failure
		"40P01": // deadlock_detected
		return true
	default:
		return false
	}
}

func isConnectionLost(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	state := sqlState(err)
	if state != "" {
		// Connection exceptions, the end of the session by the operator, a crash, or because nothing was heard of us for long; 57014
		// is a cancelled statement.
		return strings.HasPrefix(state, "08") || state == "25P03" || (strings.HasPrefix(state, "57P") && state != "57P04")
	}
	var network net.Error
	return pgconn.SafeToRetry(err) || errors.As(err, &network) || errors.Is(err, pgconn.ErrConnClosed) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// isFaultOfData reports whether the server refused a value: one of the records is to blame, not the page.
func isFaultOfData(err error) bool {
	state := sqlState(err)
	return strings.HasPrefix(state, "22") || strings.HasPrefix(state, "54") || state == "23514"
}

func sqlState(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// pause waits before another try: not at all after the first conflict, then longer each time, up to a second.
func pause(ctx context.Context, tries int) error {
	wait := time.Duration(tries) * 50 * time.Millisecond
	timer := time.NewTimer(min(wait, time.Second))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
