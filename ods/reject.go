package ods

import (
	"fmt"
	"strings"
)

// The reasons for which landing refuses a record. Readers may add words of their own.
const (
	ReasonInvalidJSON   = "invalid_json"
	ReasonInvalidUTF8   = "invalid_utf8"
	ReasonLoneSurrogate = "lone_surrogate"
	ReasonNUL           = "nul_character"
	ReasonNumber        = "number_out_of_range"
	ReasonTooDeep       = "too_deep"
	ReasonTooLarge      = "too_large"
	ReasonMissingKey    = "missing_key"
	ReasonBadKey        = "bad_key"
	// ReasonRefused is a record that only the server found fault with; the message is the server's.
	ReasonRefused = "refused_by_server"
)

// refusal is why one record cannot be landed.
type refusal struct {
	reason  string
	message string
}

func (r *refusal) Error() string {
	return r.reason + ": " + r.message
}

func refuse(reason, format string, args ...any) *refusal {
	return &refusal{reason: reason, message: fmt.Sprintf(format, args...)}
}

// RejectedError is the failure of a page with records that cannot be landed, in a stream that does not allow any.
// Nothing of the page has been written.
type RejectedError struct {
	Stream string
	Count  int
	First  Reject
}

func (e *RejectedError) Error() string {
	return fmt.Sprintf("%d records cannot be landed, the first at %s: %s (%s); correct the source, or set on_reject: continue "+
		"to land the others and keep these in terrace.reject", e.Count, e.First.Place, e.First.Message, e.First.Reason)
}

// storable makes a text that PostgreSQL takes: a message may quote the very bytes that it refuses.
func storable(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}
