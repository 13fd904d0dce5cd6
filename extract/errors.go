package extract

import (
	"errors"
	"strings"
	"time"
	"unicode"
)

// ErrorKind says what went wrong, for a caller that acts on it.
type ErrorKind string

// The kinds of errors.
const (
	Settings          ErrorKind = "settings"           // a variable of the environment, or a folder, is not there
	Auth              ErrorKind = "auth"               // the source does not accept our credentials
	Throttled         ErrorKind = "throttled"          // the source asks to wait longer than a run waits
	Transport         ErrorKind = "transport"          // the source cannot be reached, or breaks off
	Unavailable       ErrorKind = "unavailable"        // the source answers that it cannot now
	Refused           ErrorKind = "refused"            // the source answers that it will not
	UnexpectedContent ErrorKind = "unexpected_content" // the answer is not what the declaration says
	NoRecords         ErrorKind = "no_records"         // the answer lacks the place where records are
	RepeatedPage      ErrorKind = "repeated_page"      // the source gives a page or cursor twice
	Incomplete        ErrorKind = "incomplete"         // what was received is not what the source says it has
	TooManyPages      ErrorKind = "too_many_pages"     // more pages than max_pages
	WindowTooLarge    ErrorKind = "window_too_large"   // more in one window than the source gives
	Changed           ErrorKind = "changed"            // a file changed while it was read
)

// Error is why a slice could not be read completely. Its text holds no credentials.
type Error struct {
	Kind    ErrorKind
	Message string
	Hint    string // what to do next, or ""
	Request string // what was asked, redacted, or ""

	cause  error
	repeat bool          // asking again may help
	narrow bool          // a shorter window may help
	common bool          // no slice can be read, for the same reason
	wait   time.Duration // how long the source wants to be left alone, where that is longer than a run waits
}

// Error is the request and the message. What is quoted of the source's answers may be anything; here it is text that people
// can read and PostgreSQL can keep.
func (e *Error) Error() string {
	if e.Request == "" {
		return printable(e.Message)
	}
	return e.Request + ": " + printable(e.Message)
}

// printable puts U+FFFD in the place of control characters, among them NUL, and of bytes that are no UTF-8.
func printable(text string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) && c != '\n' && c != '\t' {
			return unicode.ReplacementChar
		}
		return c
	}, text)
}

// Is makes errors.Is look at the cause. The cause itself is not handed out: its text may hold credentials.
func (e *Error) Is(target error) bool { return e.cause != nil && errors.Is(e.cause, target) }

// ownError is trouble on our side of a request, such as a database that is gone. It is told as it is.
type ownError struct{ error }

// Unwrap gives the trouble itself.
func (e ownError) Unwrap() error { return e.error }
