package extract

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/terrace-elt/terrace/ods"
)

// Lander is where pages go. *ods.Store is one. It must be safe for use by many goroutines.
type Lander interface {
	// State is what is known of a stream before it is read.
	State(ctx context.Context, stream string) (ods.State, error)
	// OpenSlice finds the slice where it was left open, or begins it.
	OpenSlice(ctx context.Context, stream ods.Stream, spec ods.SliceSpec, runID uuid.UUID) (ods.Slice, error)
	// Land commits a page.
	Land(ctx context.Context, page ods.Page) (ods.Landed, error)
	// FailSlice notes why a slice could not be finished. It can be opened again.
	FailSlice(ctx context.Context, slice ods.Slice, cause string) error
	// ParentKeys gives the next keys of parent records that changed since the child's last complete pass, in order.
	ParentKeys(ctx context.Context, query ods.ParentQuery) ([][]string, error)
	// EachValues gives the values of a query's one column, each once: json.Number, bool or string.
	EachValues(ctx context.Context, sql string) ([]any, error)
}

// Noter writes down that there was nothing new. *ods.Store is one.
type Noter interface {
	NoteReading(ctx context.Context, stream string, run uuid.UUID) error
}

// Deps is what reading needs of the world. Lander, Now and LookupEnv are required, FS for sources of type files.
type Deps struct {
	Lander    Lander
	Transport http.RoundTripper // nil: a pool of connections of its own
	Now       func() time.Time
	LookupEnv func(string) (string, bool)
	FS        fs.FS        // the project
	Log       *slog.Logger // nil: silence
	Progress  func(Event)  // nil: nobody watches; called from one goroutine at a time for each stream
	TempDir   string       // for responses too large for memory; "": the system's
	Retry     Retry
	// Tokens and Rates are what all processes share. Where they are nil the Lander stands in, if it can; otherwise tokens
	// and limits are this process's own.
	Tokens TokenStore
	Rates  RateStore
	// Sweeper marks what a source has no more. Where it is nil the Lander stands in, if it can.
	Sweeper Sweeper
	// Rewinder puts watermarks back. Where it is nil the Lander stands in, if it can.
	Rewinder Rewinder
	// Noter is told of readings of files that found none to read. Where it is nil the Lander stands in, if it can.
	Noter Noter
	// Recorder, when set, keeps the answers of sources of types http and postgres.
	Recorder *Recorder
	// Recording, when set, takes the place of the sources: streams of these types are read from it, with neither network
	// nor credentials.
	Recording *Recording
	// Pages, when set, is a folder with answers that somebody else fetched: streams of type http are read from it, each from
	// the folder of its name.
	Pages fs.FS
}

// Job is what one reading of a stream is asked to do.
type Job struct {
	RunID  uuid.UUID
	Window Window
	// AllowMassDelete lets a sweep delete more than its declared share.
	AllowMassDelete bool
}

// Event is told after every page that was landed.
type Event struct {
	Stream string
	Slice  ods.SliceSpec
	Result Result // so far
}

// Result is what a reading did.
type Result struct {
	Slices, SlicesDone, SlicesFailed       int
	SlicesOpen                             int // given up for now, because the source asks to wait
	Pages                                  int
	Received                               int64 // records and rejects
	Inserted, Updated, Unchanged, Rejected int64
	Deleted                                int64 // found to be gone at the source
	Bytes                                  int64
	Requests, Retries                      int64
	Waited                                 time.Duration // for limits and before repetitions
	// ResumeAt is when the source may be asked again, if it said so; zero otherwise.
	ResumeAt time.Time
}

// Partial reports whether a part of what was to be read is there: some slices are complete and others are not, or one was
// put off amid its pages. A later reading goes on with the rest.
func (r Result) Partial() bool {
	return r.SlicesFailed+r.SlicesOpen > 0 && r.SlicesDone > 0 || r.SlicesOpen > 0 && r.Pages > 0
}

// Reader reads streams. Streams of one source share its limits, so a process needs one Reader. It may be used by many
// goroutines.
type Reader struct {
	deps Deps

	mu      sync.Mutex
	clients map[*Source]*client
	servers map[*Source]*database
}

// NewReader makes a Reader.
func NewReader(d Deps) *Reader {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Progress == nil {
		d.Progress = func(Event) {}
	}
	if shared, ok := d.Lander.(TokenStore); ok && d.Tokens == nil {
		d.Tokens = shared
	}
	if shared, ok := d.Lander.(RateStore); ok && d.Rates == nil {
		d.Rates = shared
	}
	if able, ok := d.Lander.(Sweeper); ok && d.Sweeper == nil {
		d.Sweeper = able
	}
	if able, ok := d.Lander.(Rewinder); ok && d.Rewinder == nil {
		d.Rewinder = able
	}
	if able, ok := d.Lander.(Noter); ok && d.Noter == nil {
		d.Noter = able
	}
	switch {
	case d.Recorder != nil:
		d.Lander = recordedLander{d.Lander, d.Recorder}
	case d.Recording != nil:
		d.Lander = replayedLander{d.Lander, d.Recording}
	}
	return &Reader{deps: d, clients: map[*Source]*client{}, servers: map[*Source]*database{}}
}

// Read reads what is new of a stream and lands it, slice by slice. A slice that fails does not keep the others from
// being read, unless its reason concerns them all. The error is nil only when every slice is proven complete.
func (r *Reader) Read(ctx context.Context, s *Stream, job Job) (Result, error) {
	if s.External() {
		return Result{}, nil
	}
	run := &reading{Reader: r, stream: s, job: job, order: newOrder(s.Landing)}
	err := run.all(ctx)
	run.warnOfChurn(ctx)
	if err == nil {
		err = run.sweep(ctx)
	}
	if run.database != nil {
		run.database.rest(ctx)
	}
	return run.snapshot(), wrap(s, err)
}

// A full reading of so many known records, of which this share has changed, is worth a word.
const (
	churnRecords = 100
	churnShare   = 0.5
)

// warnOfChurn says that most records of a stream that is read whole have changed at once: they may be masked for a while,
// or have a field that differs with each reading. Their versions are kept all the same.
func (r *reading) warnOfChurn(ctx context.Context) {
	switch r.stream.Source.Type {
	case HTTP, Postgres:
	default:
		return // a file that changed was changed by somebody
	}
	got := r.snapshot()
	known := got.Updated + got.Unchanged
	if r.stream.Slicing != nil || r.stream.parent != nil || known < churnRecords || float64(got.Updated) < churnShare*float64(known) {
		return
	}
	r.deps.Log.WarnContext(ctx, "most records have changed at once: is the source masking them, or has each a field that never stays?",
		"stream", r.stream.Name, "changed", got.Updated, "known", known, "hint", "terrace profile "+r.stream.Name+" shows which values are new")
}

func wrap(s *Stream, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("read %s: %w", s.Name, err)
}

// client gives the source's client, the same for all its streams.
func (r *Reader) client(s *Source) (*client, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.clients[s]; c != nil {
		return c, nil
	}
	c, err := newClient(s, r.deps)
	if err == nil {
		r.clients[s] = c
	}
	return c, err
}

// database gives the source's database, the same for all its streams.
func (r *Reader) database(s *Source) (*database, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if db := r.servers[s]; db != nil {
		return db, nil
	}
	db, err := newDatabase(s, r.deps)
	if err == nil {
		r.servers[s] = db
	}
	return db, err
}

// reading is one call of Read.
type reading struct {
	*Reader
	stream   *Stream
	job      Job
	order    *order
	client   *client   // of type http
	database *database // of type postgres, unless it is replayed
	traffic  traffic
	// planning says that nothing will be read.
	planning bool
	// ahead is the error of variants that are not read, because they were read by a clock that was ahead.
	ahead error
	// meanings are the values of each for every variant.
	meanings map[string]map[string]any

	mu     sync.Mutex
	result Result // all but the traffic
}

// all reads the stream's slices, again from the listing when objects were replaced after it.
func (r *reading) all(ctx context.Context) error {
	for listings := 1; ; listings++ {
		err := r.pass(ctx)
		if listings == maxListings || !r.replaced(err) {
			return err
		}
		r.result.Slices, r.result.SlicesFailed = r.result.SlicesDone, 0
	}
}

// pass reads the slices, one after the other.
func (r *reading) pass(ctx context.Context) error {
	if err := r.reach(); err != nil {
		return err
	}
	state, err := r.deps.Lander.State(ctx, r.stream.Name)
	if err != nil {
		return err
	}
	units, err := r.units(ctx, state)
	if err != nil {
		return err
	}
	if len(units) == 0 && r.stream.Source.filed() && r.deps.Noter != nil {
		return r.deps.Noter.NoteReading(ctx, r.stream.Name, r.job.RunID)
	}
	if r.stream.Source.Recordable() && r.deps.Recorder != nil {
		if err := r.deps.Recorder.slices(r.stream.Name, r.meanings, units); err != nil {
			return err
		}
	}
	err = newSchedule(r, units).run(ctx)
	if r.ahead != nil {
		err = errors.Join(err, r.ahead)
	}
	return err
}

// reach finds the client of the stream's source.
func (r *reading) reach() (err error) {
	switch source := r.stream.Source; {
	case source.Type == HTTP && r.deps.Pages == nil:
		r.client, err = r.Reader.client(source)
	case source.Type == Postgres && r.deps.Recording == nil:
		r.database, err = r.Reader.database(source)
	}
	return err
}

// unit is a slice and the way to read it: read calls emit for every page, in order.
type unit struct {
	spec ods.SliceSpec
	read func(ctx context.Context, slice ods.Slice, emit func(ods.Page) error) error
}

// units says what to read.
func (r *reading) units(ctx context.Context, state ods.State) ([]unit, error) {
	s := r.stream
	switch {
	case s.Source.Recordable() && r.deps.Recording != nil:
		return r.recordedUnits()
	case s.Source.Type == HTTP && r.deps.Pages != nil:
		return r.pageUnits(ctx, state)
	case s.Source.Type == Files:
		return r.fileUnits(ctx, state)
	case s.Source.Type == S3:
		return r.objectUnits(ctx, state)
	}
	variants, err := r.spread(ctx)
	if err != nil {
		return nil, err
	}
	// A plan may come before the stream's table, which the query of a keyset usually reads: it then shows the declared start.
	if err := r.resume(ctx); err != nil && !r.planning {
		return nil, err
	}
	var units []unit
	if s.parent != nil {
		for _, variant := range variants {
			units = append(units, unit{spec: ods.SliceSpec{Kind: ods.Parents, Variant: variant}, read: r.readParents})
		}
		return units, nil
	}
	read := r.readPages
	if s.Source.Type == Postgres {
		read = r.readRows
	}
	watermarks := ofVariants(state.Watermarks, variants)
	if variant, ended, kept, lost := s.Slicing.outlived(watermarks, r.deps.Now(), r.job.Window); lost && !r.planning {
		return nil, r.outlived(variant, ended, kept)
	}
	if err := r.weighFuture(ctx, watermarks); err != nil {
		return nil, err
	}
	for _, spec := range PlanSlices(s.Slicing, variants, state, r.deps.Now(), r.job.Window) {
		units = append(units, unit{spec: spec, read: read})
	}
	return units, nil
}

// ofVariants leaves out the watermarks of variants that are not read any more.
func ofVariants(watermarks map[string]time.Time, variants []string) map[string]time.Time {
	watermarks = maps.Clone(watermarks)
	maps.DeleteFunc(watermarks, func(variant string, _ time.Time) bool { return !slices.Contains(variants, variant) })
	return watermarks
}

// outlived is the error of a reading that would leave a gap.
func (r *reading) outlived(variant string, ended, kept time.Time) error {
	zone := r.stream.Slicing.Zone
	of := ""
	if variant != "" {
		of = " of " + variant
	}
	return &Error{
		Kind: Incomplete,
		Message: fmt.Sprintf("the last reading%s ended at %s, and the source keeps records only since %s: what came between is gone there",
			of, ended.In(zone).Format(time.DateTime), kept.In(zone).Format(time.DateTime)),
		Hint: fmt.Sprintf("terrace extract %s --from %s reads what is left and goes on from there; the gap stays.",
			r.stream.Name, ended.In(zone).Format(time.RFC3339)),
	}
}

func (r *reading) snapshot() Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.soFar()
}

// soFar is the result, for whoever holds the lock.
func (r *reading) soFar() Result {
	out := r.result
	out.Bytes = r.traffic.bytes.Load()
	out.Requests, out.Retries = r.traffic.requests.Load(), r.traffic.retries.Load()
	out.Waited = time.Duration(r.traffic.waited.Load())
	return out
}

// hopeless reports whether the other slices of the stream would fail for the same reason.
func hopeless(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		var lost *ods.LostLockError
		return errors.As(err, &lost)
	}
	var dial *net.OpError
	nobody := errors.As(e.cause, &dial) && dial.Op == "dial"
	return e.common || e.Kind == Auth || e.Kind == Settings || nobody
}

func describeSlice(s ods.SliceSpec) string {
	text := "all"
	switch s.Kind {
	case ods.Window:
		text = fmt.Sprintf("%s to %s", s.Start.Format(time.RFC3339), s.End.Format(time.RFC3339))
	case ods.File:
		text = fmt.Sprint(s.Meta["path"])
	case ods.Parents:
		text = "changed parents"
	}
	if s.Variant != "" {
		text = s.Variant + ", " + text
	}
	return text
}
