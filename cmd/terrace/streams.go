package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/extract"
	"github.com/terrace-elt/terrace/ods"
)

// streamExecutor is where extraction meets the run loop: a step of kind stream is read and landed.
type streamExecutor struct {
	app     *App
	store   *ods.Store
	pool    *pgxpool.Pool
	streams map[string]*extract.Stream
	files   fs.FS
	runID   uuid.UUID
	now     func() time.Time
	window  extract.Window
	wait    bool
	// massDelete lets sweeps delete more than their share; folder takes part in the reading, where one does.
	massDelete bool
	folder     folder
	progress   *progress

	once   sync.Once
	reader *extract.Reader
}

// Execute implements dag.Executor.
func (e *streamExecutor) Execute(ctx context.Context, step dag.Step) dag.Result {
	e.once.Do(e.open)
	stream := e.streams[step.Name]
	if stream.External() {
		return e.observe(ctx, stream)
	}
	if !e.folder.fetchOnly {
		if err := e.store.Ensure(ctx, stream.Landing); err != nil {
			return failedStream(ctx, extract.Result{}, err)
		}
	}
	release, err := e.lock(ctx, step.Name)
	if err != nil {
		return failedStream(ctx, extract.Result{}, err)
	}
	defer release()
	read, err := e.reader.Read(ctx, stream, extract.Job{RunID: e.runID, Window: e.window, AllowMassDelete: e.massDelete})
	if err != nil {
		return failedStream(ctx, read, e.taken(ctx, err))
	}
	result := streamResult(read)
	result.Status, result.Reason = dag.Success, received(read)
	return result
}

// observe compares a relation that others fill with what it was.
func (e *streamExecutor) observe(ctx context.Context, s *extract.Stream) dag.Result {
	rows, changed, err := e.store.Observe(ctx, e.runID, ods.Relation{Name: s.Relation, Key: s.Key, ChangedAt: s.ChangedAt})
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Position > 0 {
		err = &extract.Error{Message: refused.Message, Hint: "Others fill " + s.Relation + ": see relation, primary_key and changed_at in " + s.Source.File + "."}
	}
	if err != nil {
		return failedStream(ctx, extract.Result{}, err)
	}
	result := dag.Result{Status: dag.Success, Reason: "unchanged", Changed: changed}
	if changed {
		result.Reason = fmt.Sprintf("changed: %s to read", counted(int(rows), "row"))
	}
	return result
}

// open makes the reader that all streams share.
func (e *streamExecutor) open() {
	var lander extract.Lander = e.store
	if e.folder.fetchOnly {
		lander = extract.FetchOnly(e.store)
	}
	e.reader = extract.NewReader(extract.Deps{
		Lander: lander, Tokens: e.store, Rates: e.store, Now: e.now, LookupEnv: e.app.LookupEnv, FS: e.files, Log: e.app.Log,
		Progress: e.progress.landed, Retry: e.app.Retry,
		Recorder: e.folder.recorder, Recording: e.folder.recording, Pages: e.folder.pages,
	})
}

func streamResult(r extract.Result) dag.Result {
	return dag.Result{
		Rows:    dag.Rows{Inserted: r.Inserted, Updated: r.Updated, Unchanged: r.Unchanged, Rejected: r.Rejected, Deleted: r.Deleted},
		Changed: r.Inserted+r.Updated+r.Deleted > 0,
	}
}

// received tells what was read in a few words.
func received(r extract.Result) string {
	text := counted(int(r.Received), "record") + " in " + counted(r.Pages, "page")
	if r.Retries > 0 {
		text += fmt.Sprintf(", %d retries", r.Retries)
	}
	return text
}

// failedStream keeps what was landed before the failure: each page was committed with its place.
func failedStream(ctx context.Context, read extract.Result, err error) dag.Result {
	result := streamResult(read)
	if ctx.Err() != nil && cancelled(err) {
		err = fmt.Errorf("ended with the run, before it was done: %w", context.Cause(ctx))
	}
	result.Err = dag.NewStepError(err, hintOf(err))
	var other *dag.HeldError
	switch {
	case errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		result.Status = dag.Timeout
	case ctx.Err() != nil:
		result.Status = dag.Cancelled
	case read.Partial():
		result.Status = dag.PartialSuccess
		result.Reason = fmt.Sprintf("%d of %d slices are complete", read.SlicesDone, read.Slices)
	case answered(err):
		result.Status = dag.Failure
	case fromOutside(err), errors.As(err, &other):
		result.Status = dag.Error
	default:
		result.Status = dag.Failure
	}
	if read.Pages > 0 && result.Reason == "" {
		result.Reason = "landed before it failed: " + received(read)
	}
	return result
}

// answered reports whether the source was there, and said that it will not or cannot now.
func answered(err error) bool {
	var source *extract.Error
	return errors.As(err, &source) && source.Kind != extract.Transport
}

// lock makes the run the one reader of a stream. Who has to wait is told for whom.
func (e *streamExecutor) lock(ctx context.Context, stream string) (release func(), err error) {
	release, err = e.store.Lock(ctx, stream, false)
	err = held(ctx, e.pool, err)
	var other *dag.HeldError
	if !e.wait || !errors.As(err, &other) {
		return release, err
	}
	e.progress.waiting(other, true)
	return e.store.Lock(ctx, stream, true)
}

// taken names the run that took a stream when the session that held it was ended.
func (e *streamExecutor) taken(ctx context.Context, err error) error {
	var lost *ods.LostLockError
	if !errors.As(err, &lost) {
		return err
	}
	return fmt.Errorf("the session that held the stream was ended, and another run took it; what was landed stands: %w", held(ctx, e.pool, lost.HeldError))
}

// held gives another reader of a stream the shape that exit codes know, and names the run that it is.
func held(ctx context.Context, db dag.Database, err error) error {
	var other *ods.HeldError
	if !errors.As(err, &other) {
		return err
	}
	return dag.Held(ctx, db, other.Stream, "terrace.stream:"+other.Stream)
}
