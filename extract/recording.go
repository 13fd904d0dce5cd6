package extract

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/terrace-elt/terrace/ods"
)

// A recording is a folder: recording.jsonl, which says in the order of time what was done, and for each answer a file
// with its body, compressed. Neither holds a credential. The first line says in which form the rest is; the last one
// says that the recording is complete.

// recordingForm is the version of the form. It is raised when an older terrace would misread what this one writes.
const recordingForm = 1

const indexFile = "recording.jsonl"

// entry is one line of the index; exactly one of its fields is set.
type entry struct {
	Form     int             `json:"terrace_recording,omitempty"`
	Slices   *recordedSlices `json:"slices,omitempty"`
	Parents  *recordedKeys   `json:"parents,omitempty"`
	Exchange *recordedAnswer `json:"exchange,omitempty"`
	End      *recordingEnd   `json:"end,omitempty"`
}

// recordedSlices is what one reading of a stream set out to read.
type recordedSlices struct {
	Stream string                    `json:"stream"`
	Each   map[string]map[string]any `json:"each,omitempty"` // what each variant stands for
	Slices []ods.SliceSpec           `json:"slices"`
}

// recordedKeys is what the warehouse gave as the next parents.
type recordedKeys struct {
	Stream string     `json:"stream"`
	After  []string   `json:"after"`
	Keys   [][]string `json:"keys"`
}

// recordedAnswer is one answer of the source.
type recordedAnswer struct {
	Stream  string      `json:"stream"`
	Key     string      `json:"key"` // what tells it from the stream's other requests
	Request string      `json:"request"`
	Status  int         `json:"status"`
	Header  http.Header `json:"header"`
	Fetched time.Time   `json:"fetched"`
	File    string      `json:"file"`
	Bytes   int64       `json:"bytes"`  // of the body
	SHA256  string      `json:"sha256"` // of the file
}

type recordingEnd struct {
	Answers int `json:"answers"`
}

// exchange says of a request to a source what it is for. Requests without one, such as those for a token, are neither
// recorded nor replayed.
type exchange struct {
	stream  string
	key     string
	request string
	secrets *Secrets
	fetched time.Time // when the answer had been received
	dropped bool      // the answer is not to be recorded: it was asked for again, and a replay would take it for good
}

type exchangeKey struct{}

// in makes a request's transport know what the request is for, also that it is for nothing: a token is asked for on the
// way to a page.
func (x *exchange) in(ctx context.Context, line string) context.Context {
	if x != nil {
		x.request = line
	}
	return context.WithValue(ctx, exchangeKey{}, x)
}

func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// newExchange names a request by what it is filled in with, less what changes from run to run.
func newExchange(s *Stream, f fill, secrets *Secrets) *exchange {
	names := map[string]any{}
	for name, value := range f.values {
		kind, _, _ := strings.Cut(name, ".")
		switch kind {
		case "slice", "page", "cursor", "parent", "each":
			names[name] = value
		}
	}
	if f.link != nil {
		names["link"] = f.link.RequestURI()
	}
	// What fills requests are texts and numbers.
	key, _ := json.Marshal(names)
	return &exchange{stream: s.Name, key: secrets.Redact(string(key)), secrets: secrets}
}

// at gives the time at which the answer was received: that of the recording, or now, which is remembered for one.
func (x *exchange) at(now time.Time) time.Time {
	if x == nil {
		return now
	}
	if x.fetched.IsZero() {
		x.fetched = now
	}
	return x.fetched
}

// repeat forgets the answer to an earlier attempt.
func (x *exchange) repeat() {
	if x != nil {
		x.fetched, x.dropped = time.Time{}, false
	}
}

// drop keeps the answer out of the recording.
func (x *exchange) drop() {
	if x != nil {
		x.dropped = true
	}
}

// recordingError is a recording that cannot be written or read. Asking the source again would not help.
func recordingError(err error, format string, args ...any) error {
	var typed *Error
	if errors.As(err, &typed) {
		return err
	}
	message := fmt.Sprintf(format, args...)
	if err != nil {
		message += ": " + err.Error()
	}
	return &Error{Kind: Settings, Message: message, Hint: "name another folder, or record again", cause: err}
}

// fetchOnly lands nothing. What is known of the streams is the real lander's.
type fetchOnly struct{ Lander }

// FetchOnly gives a Lander that knows how far streams have been read, and keeps nothing of what it is given: with a
// Recorder, a reading fetches and records.
func FetchOnly(l Lander) Lander { return fetchOnly{l} }

// OpenSlice opens nothing.
func (fetchOnly) OpenSlice(_ context.Context, _ ods.Stream, spec ods.SliceSpec, _ uuid.UUID) (ods.Slice, error) {
	return ods.Slice{ID: 1, Spec: spec}, nil
}

// Land forgets the page.
func (fetchOnly) Land(context.Context, ods.Page) (ods.Landed, error) { return ods.Landed{}, nil }

// FailSlice notes nothing: no slice was opened.
func (fetchOnly) FailSlice(context.Context, ods.Slice, string) error { return nil }

// ParentKeys refuses: which parents changed is known of passes that are landed.
func (fetchOnly) ParentKeys(_ context.Context, q ods.ParentQuery) ([][]string, error) {
	return nil, &Error{
		Kind:    Settings,
		Message: fmt.Sprintf("the keys for %s are those of %s in the warehouse, which nothing is landed in", q.Child, q.Parent),
		Hint:    "leave it out, or record while landing",
	}
}
