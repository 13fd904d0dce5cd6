package extract

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/klauspost/compress/zstd"

	"github.com/terrace-elt/terrace/ods"
)

// Recording is a recording that was found complete and unchanged, for Deps.Recording. It can be read once: answers to
// the same request are given in the order in which they were received. It may be used by many goroutines.
type Recording struct {
	root *os.Root

	mu      sync.Mutex
	slices  map[string][]recordedSlices // by stream, one for each reading
	parents map[string][][][]string
	answers map[string][]recordedAnswer
	asked   map[string]bool // streams of which there are answers
}

// OpenRecording reads the recording of a folder and compares every file with the hash that was taken of it. An error of
// kind Settings says what is wrong with it. The folder stays the caller's to close, after the last reading.
func OpenRecording(root *os.Root) (*Recording, error) {
	r := &Recording{
		root: root, slices: map[string][]recordedSlices{}, parents: map[string][][][]string{}, answers: map[string][]recordedAnswer{}, asked: map[string]bool{},
	}
	index, err := root.Open(indexFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, recordingError(nil, "the folder holds no recording: there is no %s", indexFile)
	}
	if err != nil {
		return nil, recordingError(err, "open the recording")
	}
	err = r.read(index)
	return r, errors.Join(err, index.Close())
}

// IsRecording reports whether a folder holds a recording, whole or not.
func IsRecording(root *os.Root) bool {
	_, err := root.Stat(indexFile)
	return err == nil
}

// read takes the index in, line by line.
func (r *Recording) read(index io.Reader) error {
	lines := bufio.NewReader(index)
	answers, ended := 0, false
	for number := 1; ; number++ {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			break
		}
		if err != nil {
			return incompleteRecording()
		}
		decoder := json.NewDecoder(bytes.NewReader(line))
		decoder.DisallowUnknownFields()
		decoder.UseNumber()
		var e entry
		err = decoder.Decode(&e)
		switch {
		case number == 1 && e.Form != recordingForm:
			return &Error{
				Kind: Settings, Message: fmt.Sprintf("the recording has form %d, this terrace reads form %d", e.Form, recordingForm),
				Hint: "record again, or replay it with the terrace that made it",
			}
		case err != nil || ended:
			return recordingError(err, "%s:%d: the recording was changed", indexFile, number)
		case e.Exchange != nil:
			answers++
			err = r.verify(*e.Exchange)
		case e.End != nil && e.End.Answers != answers:
			return recordingError(nil, "the recording was changed: %d answers of %d are there", answers, e.End.Answers)
		}
		if err != nil {
			return err
		}
		ended = e.End != nil
		r.add(e)
	}
	if !ended {
		return incompleteRecording()
	}
	return nil
}

func incompleteRecording() error {
	return recordingError(nil, "the recording is not complete: the run that made it was killed, or the end of %s is gone", indexFile)
}

func (r *Recording) add(e entry) {
	switch {
	case e.Slices != nil:
		r.slices[e.Slices.Stream] = append(r.slices[e.Slices.Stream], *e.Slices)
	case e.Parents != nil:
		key := parentsKey(e.Parents.Stream, e.Parents.After)
		r.parents[key] = append(r.parents[key], e.Parents.Keys)
	case e.Exchange != nil:
		key := answerKey(e.Exchange.Stream, e.Exchange.Key)
		r.answers[key] = append(r.answers[key], *e.Exchange)
		r.asked[e.Exchange.Stream] = true
	}
}

func answerKey(stream, key string) string { return stream + " " + key }

func parentsKey(stream string, after []string) string { return answerKey(stream, resumeAfter(after)) }

// verify compares a file with its hash.
func (r *Recording) verify(a recordedAnswer) error {
	file, err := r.root.Open(a.File)
	if err != nil {
		return recordingError(err, "the recording lacks a file")
	}
	sum := sha256.New()
	_, err = io.Copy(sum, file)
	if err = errors.Join(err, file.Close()); err != nil {
		return recordingError(err, "read %s", a.File)
	}
	if hex.EncodeToString(sum.Sum(nil)) != a.SHA256 {
		return recordingError(nil, "%s is not as it was recorded", a.File)
	}
	return nil
}

// Streams are the names of the streams that were recorded, sorted.
func (r *Recording) Streams() []string { return slices.Sorted(maps.Keys(r.slices)) }

// units gives what the next reading of the stream set out to read.
func (r *Recording) units(stream string) (recordedSlices, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	recorded, ok := pop(r.slices, stream)
	if !ok {
		return recorded, &Error{Kind: Settings, Message: "the recording has no reading of " + stream, Hint: "it has " + strings.Join(r.Streams(), ", ")}
	}
	return recorded, nil
}

// pop takes the first of the values that are left for a key.
func pop[V any](from map[string][]V, key string) (first V, ok bool) {
	left := from[key]
	if len(left) == 0 {
		return first, false
	}
	from[key] = left[1:]
	return left[0], true
}

// replayedLander gives the parents that the warehouse gave then.
type replayedLander struct {
	Lander
	recording *Recording
}

func (l replayedLander) ParentKeys(_ context.Context, q ods.ParentQuery) ([][]string, error) {
	l.recording.mu.Lock()
	defer l.recording.mu.Unlock()
	keys, ok := pop(l.recording.parents, parentsKey(q.Child, q.After))
	if !ok {
		return nil, recordingError(nil, "the recording lacks the parents of %s after %s", q.Child, strings.Join(q.After, ", "))
	}
	return keys, nil
}

// replayTransport answers from a recording, and never from a network.
type replayTransport struct{ recording *Recording }

func (t replayTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	x := exchangeOf(req.Context())
	if x == nil {
		return nil, recordingError(nil, "a replay asks no source")
	}
	a, err := t.recording.answer(x)
	if err != nil {
		return nil, err
	}
	body, err := t.recording.open(a)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", a.Status, http.StatusText(a.Status)), StatusCode: a.Status, Header: a.Header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: -1, Request: req,
		Body: body,
	}, nil
}

// open gives what was recorded of an answer.
func (r *Recording) open(a recordedAnswer) (io.ReadCloser, error) {
	file, err := r.root.Open(a.File)
	if err != nil {
		return nil, recordingError(err, "the recording lacks a file")
	}
	plain, err := zstd.NewReader(file, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20))
	if err != nil {
		return nil, errors.Join(recordingError(err, "read %s", a.File), file.Close())
	}
	return &replayedBody{Decoder: plain, file: file}, nil
}

// rows gives the way to the rows that a query gave.
func (r *Recording) rows(x *exchange) (func(take func(row []byte) error) error, error) {
	a, err := r.answer(x)
	if err != nil {
		return nil, err
	}
	return func(take func([]byte) error) error {
		body, err := r.open(a)
		if err != nil {
			return err
		}
		dec := jsontext.NewDecoder(body, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
		for err == nil {
			var row jsontext.Value
			if row, err = dec.ReadValue(); err == nil {
				err = take(row)
			}
		}
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return errors.Join(err, body.Close())
	}, nil
}

// answer takes the next answer to a request.
func (r *Recording) answer(x *exchange) (recordedAnswer, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a, ok := pop(r.answers, answerKey(x.stream, x.key))
	if !ok {
		return a, &Error{
			Kind: Settings, Message: "the recording has no answer to this request",
			Hint: "the declaration asks for other pages than it did when they were recorded; record again",
		}
	}
	x.fetched = a.Fetched
	return a, nil
}

// replayedBody is a recorded body.
type replayedBody struct {
	*zstd.Decoder
	file *os.File
}

// Close closes decoder and file.
func (b *replayedBody) Close() error {
	b.Decoder.Close()
	return b.file.Close()
}
