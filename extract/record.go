package extract

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/terrace-elt/terrace/ods"
)

// Recorder keeps every answer that is received whole, for Deps.Recorder. It may be used by many goroutines.
type Recorder struct {
	root *os.Root

	mu      sync.Mutex
	index   *os.File
	answers int
	names   int
	err     error // the first line that could not be written
}

// NewRecorder begins a recording in a folder that holds none. The folder stays the caller's to close.
func NewRecorder(root *os.Root) (*Recorder, error) {
	index, err := root.OpenFile(indexFile, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil, &Error{Kind: Settings, Message: "the folder holds a recording already", Hint: "name an empty or new one"}
	case err != nil:
		return nil, recordingError(err, "begin the recording")
	}
	r := &Recorder{root: root, index: index}
	if err := r.write(entry{Form: recordingForm}); err != nil {
		return nil, errors.Join(err, index.Close())
	}
	return r, nil
}

// Close ends the recording. One that was not closed, because its process was killed, is not complete and will not be
// replayed.
func (r *Recorder) Close() error {
	err := r.write(entry{End: &recordingEnd{Answers: r.answers}})
	return errors.Join(err, r.index.Close())
}

// write adds a line to the index. A recording that lacks a line is spoilt, so nothing follows an error.
func (r *Recorder) write(e entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return recordingError(err, "record")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		_, err := r.index.Write(append(line, '\n'))
		if err != nil {
			r.err = recordingError(err, "write %s", indexFile)
		}
	}
	if r.err == nil && e.Exchange != nil {
		r.answers++
	}
	return r.err
}

// slices notes what a stream's reading sets out to read.
func (r *Recorder) slices(stream string, each map[string]map[string]any, units []unit) error {
	specs := make([]ods.SliceSpec, 0, len(units))
	for _, u := range units {
		specs = append(specs, u.spec)
	}
	return r.write(entry{Slices: &recordedSlices{Stream: stream, Each: each, Slices: specs}})
}

// recordedLander notes which parents the warehouse gives.
type recordedLander struct {
	Lander
	recorder *Recorder
}

func (l recordedLander) ParentKeys(ctx context.Context, q ods.ParentQuery) ([][]string, error) {
	keys, err := l.Lander.ParentKeys(ctx, q)
	if err != nil {
		return nil, err
	}
	return keys, l.recorder.write(entry{Parents: &recordedKeys{Stream: q.Child, After: q.After, Keys: keys}})
}

// recordingTransport keeps what passes through it.
type recordingTransport struct {
	http.RoundTripper
	recorder *Recorder
}

func (t recordingTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.RoundTripper.RoundTrip(req)
	x := exchangeOf(req.Context())
	if err != nil || x == nil {
		return resp, err
	}
	kept, err := t.recorder.keep(x, resp.StatusCode, resp.Header)
	if err != nil {
		return nil, errors.Join(err, resp.Body.Close())
	}
	resp.Body = &keptBody{keptAnswer: kept, body: resp.Body}
	return resp, nil
}

// keep begins to record an answer.
func (r *Recorder) keep(x *exchange, status int, header http.Header) (*keptAnswer, error) {
	folder, _, _ := strings.Cut(x.stream, " ")
	if err := r.root.Mkdir(folder, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, recordingError(err, "make %s", folder)
	}
	r.mu.Lock()
	r.names++
	name := fmt.Sprintf("%s/%06d.zst", folder, r.names)
	r.mu.Unlock()
	file, err := r.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, recordingError(err, "make %s", name)
	}
	sum := sha256.New()
	packed, err := zstd.NewWriter(io.MultiWriter(file, sum), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	k := &keptAnswer{recorder: r, exchange: x, file: file, sum: sum, packed: packed}
	k.redacted = &redactor{w: packed, secrets: x.secrets}
	k.entry = recordedAnswer{
		Stream: x.stream, Key: x.key, Request: x.request, Status: status, Header: keptHeader(header, x.secrets), File: name,
	}
	return k, nil
}

// keptHeader is what a source says in its header, less what it tells us to keep for ourselves.
func keptHeader(header http.Header, secrets *Secrets) http.Header {
	out := header.Clone()
	out.Del("Set-Cookie")
	for _, values := range out {
		for i, v := range values {
			values[i] = secrets.Redact(v)
		}
	}
	return out
}

// keptAnswer is a file of a recording in the making.
type keptAnswer struct {
	recorder *Recorder
	exchange *exchange
	entry    recordedAnswer
	file     *os.File
	sum      hash.Hash
	packed   *zstd.Encoder
	redacted *redactor
}

func (k *keptAnswer) write(p []byte) error {
	k.entry.Bytes += int64(len(p))
	if _, err := k.redacted.Write(p); err != nil {
		return recordingError(err, "write %s", k.entry.File)
	}
	return nil
}

// row writes a row of a query.
func (k *keptAnswer) row(row []byte) error {
	return errors.Join(k.write(row), k.write([]byte{'\n'}))
}

// end ends the answer's record. Only one that was read to its end is kept: what breaks off is asked for again.
func (k *keptAnswer) end(whole bool) error {
	written := errors.Join(k.redacted.Close(), k.packed.Close(), k.file.Close())
	if !whole {
		return k.recorder.root.Remove(k.entry.File)
	}
	if written != nil {
		return recordingError(written, "write %s", k.entry.File)
	}
	k.entry.SHA256 = hex.EncodeToString(k.sum.Sum(nil))
	k.entry.Fetched = k.exchange.fetched
	return k.recorder.write(entry{Exchange: &k.entry})
}

// keptBody is an answer's body that is recorded while it is read.
type keptBody struct {
	*keptAnswer
	body   io.ReadCloser
	whole  bool
	closed bool
}

func (k *keptBody) Read(p []byte) (int, error) {
	n, err := k.body.Read(p)
	if err := k.write(p[:n]); err != nil {
		return 0, err
	}
	k.whole = k.whole || errors.Is(err, io.EOF)
	return n, err
}

// Close ends the answer's record.
func (k *keptBody) Close() error {
	if k.closed {
		return nil
	}
	k.closed = true
	return errors.Join(k.body.Close(), k.end(k.whole && !k.exchange.dropped))
}

// redactor takes credentials out of a stream of bytes.
type redactor struct {
	w       io.Writer
	secrets *Secrets
	held    []byte // the end of what was written, in which a credential may begin
}

func (r *redactor) Write(p []byte) (int, error) {
	r.held = append(r.held, p...)
	for {
		at, length := r.secrets.first(r.held)
		if at < 0 {
			break
		}
		if _, err := r.w.Write(slices.Concat(r.held[:at], []byte("***"))); err != nil {
			return 0, err
		}
		r.held = append(r.held[:0], r.held[at+length:]...)
	}
	sure := max(len(r.held)-r.secrets.longest()+1, 0)
	if _, err := r.w.Write(r.held[:sure]); err != nil {
		return 0, err
	}
	r.held = append(r.held[:0], r.held[sure:]...)
	return len(p), nil
}

// Close writes what was held back.
func (r *redactor) Close() error {
	_, err := r.w.Write(r.held)
	r.held = nil
	return err
}
