package extract

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/terrace-elt/terrace/ods"
)

// Probe asks a source for as little as shows that the stream can be read, with its credentials, and lands nothing: of type
// http the first page of what Read would begin with, of type s3 one entry of the listing, of type postgres what the columns of
// the query are, of type files whether there are any. A stream with a parent is not asked for: its requests are made of
// records.
func (r *Reader) Probe(ctx context.Context, s *Stream) error {
	if s.External() || s.parent != nil {
		return nil
	}
	run := &reading{Reader: r, stream: s}
	if err := run.reach(); err != nil {
		return wrap(s, err)
	}
	var err error
	switch s.Source.Type {
	case HTTP:
		err = run.probePage(ctx)
	case Postgres:
		err = run.database.probe(ctx, s)
		run.database.rest(ctx)
	case S3:
		err = run.probeBucket(ctx)
	case Files:
		_, err = run.fileUnits(ctx, ods.State{Files: map[string]ods.FileState{}})
	}
	return wrap(s, err)
}

// probePage asks for the first page. One that says that there is too much, or that it is too soon, was allowed.
func (r *reading) probePage(ctx context.Context) error {
	state, err := r.deps.Lander.State(ctx, r.stream.Name)
	if err != nil {
		return err
	}
	variants, err := r.spread(ctx)
	if err != nil {
		return err
	}
	now := r.deps.Now()
	spec := ods.SliceSpec{Kind: ods.Window, Variant: variants[0], Start: now.Add(-time.Minute), End: now}
	if specs := PlanSlices(r.stream.Slicing, variants, state, now, Window{}); len(specs) > 0 {
		spec = specs[0]
	}
	f := r.fill(spec)
	f.path = r.stream.paths(spec, now)[0]
	newPager(r.stream.paginate).fill(&f)
	a, err := r.client.fetch(ctx, r.stream, f, &r.traffic)
	var known *Error
	if errors.As(err, &known) && (known.Kind == WindowTooLarge || known.Kind == Throttled) {
		return nil
	}
	if err != nil {
		return err
	}
	return a.body.close()
}

// probe has the server read the query, but not run it.
func (db *database) probe(ctx context.Context, s *Stream) error {
	request := "query on " + db.place
	conn, err := db.connect(ctx)
	if err != nil {
		return db.explain(ctx, request, err)
	}
	defer db.release(ctx, conn)
	patience := newPatience(ctx, s.Source.limits.timeout)
	_, err = db.begin(patience.ctx, conn, s)
	if err = patience.stop(err); err != nil {
		return db.explain(ctx, request, err)
	}
	return nil
}

// probeBucket asks for the first entry of the listing.
func (r *reading) probeBucket(ctx context.Context) error {
	b, err := newBuckets(r.stream.Source, r.deps, &r.traffic)
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeoutCause(ctx, b.timeout, fmt.Errorf("no answer in %s", b.timeout))
	defer stop()
	declared := r.stream.files
	options := minio.ListObjectsOptions{Prefix: declared.prefix, Recursive: true, MaxKeys: 1}
	for info := range b.core.ListObjectsIter(ctx, declared.bucket, options) {
		if info.Err != nil {
			return b.explain(ctx, "LIST s3://"+declared.bucket+"/"+declared.prefix, info.Err)
		}
		return nil
	}
	return r.stream.nothingMatches("no object", "s3://"+declared.bucket+"/"+declared.prefix)
}
