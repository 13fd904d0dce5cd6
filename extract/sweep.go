package extract

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/terrace-elt/terrace/ods"
)

// Sweeper marks what a source has no more. *ods.Store is one.
type Sweeper interface {
	Sweep(ctx context.Context, sweep ods.Sweep) (ods.Swept, error)
}

// Sweep sweeps nothing: nothing is landed.
func (fetchOnly) Sweep(context.Context, ods.Sweep) (ods.Swept, error) { return ods.Swept{}, nil }

// sweep lists the keys that the source has, and has the records marked that are not among them. It belongs to readings of
// everything that is new: one that was asked for a window says nothing of the rest.
func (r *reading) sweep(ctx context.Context) error {
	how := r.stream.sweep
	if how == nil || r.deps.Pages != nil || !r.job.Window.From.IsZero() || !r.job.Window.To.IsZero() {
		return nil
	}
	if r.deps.Recording != nil && !r.deps.Recording.asked[how.listing.Name] {
		return nil // it was a window that was recorded
	}
	if r.deps.Sweeper == nil {
		return errors.New("deletes: there is nothing that could mark records as deleted")
	}
	l := &listing{
		reading: &reading{
			Reader: r.Reader, stream: how.listing, job: r.job, client: r.client, database: r.database, meanings: r.meanings,
		},
		keys: &keySpool{dir: r.deps.TempDir},
	}
	began := r.deps.Now()
	err := l.read(ctx)
	if err == nil {
		err = l.keys.flush()
	}
	if err == nil {
		err = r.mark(ctx, l, began)
	}
	r.traffic.add(&l.traffic)
	if err = errors.Join(err, l.keys.close()); err != nil {
		return fmt.Errorf("deletes: %w", err)
	}
	return nil
}

func (r *reading) mark(ctx context.Context, l *listing, began time.Time) error {
	swept, err := r.deps.Sweeper.Sweep(ctx, ods.Sweep{
		Stream: l.stream.sweepLanding(r.stream.Name), RunID: r.job.RunID, Keys: l.keys.all(), Endpoint: l.endpoint, Request: l.request,
		Began: began, Ended: l.fetched, MaxShare: r.stream.sweep.maxShare, Unlimited: r.job.AllowMassDelete,
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.Deleted += swept.Deleted
	return nil
}

// sweepLanding is the stream's table, with the paths of the listing.
func (s *Stream) sweepLanding(name string) ods.Stream {
	landing := s.Landing
	landing.Name = name
	return landing
}

// add takes over what another has counted.
func (t *traffic) add(other *traffic) {
	t.requests.Add(other.requests.Load())
	t.retries.Add(other.retries.Load())
	t.bytes.Add(other.bytes.Load())
	t.waited.Add(other.waited.Load())
}

// listing is one reading of all keys.
type listing struct {
	*reading
	keys              *keySpool
	endpoint, request string // of the first page
	fetched           time.Time
	answers           int
}

// read lists the keys of every variant. Pages that are counted shift when something is deleted before them, so that a key
// may be on none of them: such a listing is made twice, and what either has is there.
func (l *listing) read(ctx context.Context) error {
	for _, variant := range slices.Sorted(maps.Keys(l.meanings)) {
		before := l.answers
		if err := l.walkAll(ctx, variant); err != nil {
			return err
		}
		if kind := l.stream.paginate.kind; l.answers-before > 1 && (kind == "page" || kind == "offset") {
			if err := l.walkAll(ctx, variant); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *listing) walkAll(ctx context.Context, variant string) error {
	last := ""
	f := l.fill(ods.SliceSpec{Kind: ods.Full, Variant: variant})
	list := func(take func(ods.Page) error) error { return l.readTwice(ctx, f, func() {}, take) }
	if l.stream.Source.Type == Postgres {
		list = func(take func(ods.Page) error) error { return l.queryAgain(ctx, f, take) }
	}
	return list(func(page ods.Page) error {
		if page.Request != last || l.answers == 0 {
			l.answers++
			last = page.Request
		}
		if l.request == "" {
			l.endpoint, l.request = page.Endpoint, page.Request
		}
		l.fetched = page.Fetched
		if len(page.Rejects) > 0 { // it is there, and nobody knows by which key
			return unreadable(page.Rejects[0])
		}
		for _, record := range page.Records {
			if err := l.keys.write(record); err != nil {
				return err
			}
		}
		return nil
	})
}

// unreadable is the error of a listing of which not all keys are known.
func unreadable(reject ods.Reject) error {
	return &Error{
		Kind: UnexpectedContent, Message: fmt.Sprintf("a record of the listing cannot be read, at %s: %s", reject.Place, reject.Message),
		Hint: "have deletes.sweep ask for the keys alone, where the source can give them so",
	}
}

// keySpool keeps records until they are needed: in memory, and in a file when they become many.
type keySpool struct {
	dir    string
	memory bytes.Buffer
	file   *os.File
}

func (s *keySpool) write(record ods.Record) error {
	frame := binary.AppendUvarint(nil, uint64(1+len(record.Given)))
	frame = appendText(frame, record.Raw)
	for _, g := range record.Given {
		frame = appendText(frame, []byte(g))
	}
	s.memory.Write(frame)
	if s.memory.Len() < maxInMemory {
		return nil
	}
	return s.spill()
}

func appendText(dst, text []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(text))), text...)
}

// spill moves what is in memory to the file. Nobody finds the file by its name; without one it is gone when the process
// is, however that ends.
func (s *keySpool) spill() error {
	if s.file == nil {
		file, err := os.CreateTemp(s.dir, "terrace-keys-*")
		if err != nil {
			return fmt.Errorf("keep many keys: %w", err)
		}
		s.file = file
		if err := os.Remove(file.Name()); err != nil {
			return fmt.Errorf("keep many keys: %w", err)
		}
	}
	if _, err := s.memory.WriteTo(s.file); err != nil {
		return fmt.Errorf("keep many keys: %w", err)
	}
	return nil
}

// flush makes all that was written readable.
func (s *keySpool) flush() error {
	if s.file == nil {
		return nil
	}
	return s.spill()
}

// all gives the records, from the first, as often as it is gone through.
func (s *keySpool) all() iter.Seq2[ods.Record, error] {
	return func(yield func(ods.Record, error) bool) {
		var source io.Reader = bytes.NewReader(s.memory.Bytes())
		if s.file != nil {
			source = io.NewSectionReader(s.file, 0, 1<<62)
		}
		r := bufio.NewReaderSize(source, 1<<16)
		for {
			record, err := readFrame(r)
			if errors.Is(err, io.EOF) {
				return
			}
			if !yield(record, err) || err != nil {
				return
			}
		}
	}
}

// readFrame reads one record; io.EOF means that there was none.
func readFrame(r *bufio.Reader) (ods.Record, error) {
	parts, err := binary.ReadUvarint(r)
	if err != nil {
		return ods.Record{}, err
	}
	var record ods.Record
	for i := range parts {
		n, err := binary.ReadUvarint(r)
		if err != nil {
			return record, fmt.Errorf("read kept keys: %w", noEOF(err))
		}
		text := make([]byte, n)
		if _, err := io.ReadFull(r, text); err != nil {
			return record, fmt.Errorf("read kept keys: %w", noEOF(err))
		}
		if i == 0 {
			record.Raw = text
		} else {
			record.Given = append(record.Given, string(text))
		}
	}
	return record, nil
}

// noEOF keeps an end in the middle from being taken for the end.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (s *keySpool) close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}
