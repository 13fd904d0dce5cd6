package ods

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

var (
	//go:embed sql/open_slice.sql
	openSliceSQL string
	//go:embed sql/reopen_slice.sql
	reopenSliceSQL string
	//go:embed sql/fail_slice.sql
	failSliceSQL string
	//go:embed sql/note_reading.sql
	noteReadingSQL string
	//go:embed sql/pages_per_slice.sql
	pagesPerSliceSQL string
	//go:embed sql/landed_files.sql
	landedFilesSQL string
)

// OpenSlice opens a slice for reading. One of the same kind, key and range that was left undone is taken over by the run:
// files and passes over parents go on after its pages and resume, windows and full reads begin anew at page 1. The caller
// holds the stream's lock. Slices of one variant are opened in the order of their windows, for the watermark starts at
// the earliest that was opened.
func (s *Store) OpenSlice(ctx context.Context, stream Stream, spec SliceSpec, run uuid.UUID) (Slice, error) {
	slice := Slice{Spec: spec, run: run}
	args := []any{
		stream.Name, spec.Variant, spec.Kind, spec.Key, instantOrNull(spec.Start), instantOrNull(spec.End), orNull(run),
		metaOf(spec),
	}
	err := s.asReader(ctx, stream.Name, func(tx pgx.Tx) (end, error) {
		// Between the two statements the other run may have finished its slice; then the first opens a new one.
		for range maxTries {
			for _, sql := range []string{openSliceSQL, reopenSliceSQL} {
				err := tx.QueryRow(ctx, sql, args...).Scan(&slice.ID, &slice.Resume, &slice.Pages)
				if !errors.Is(err, pgx.ErrNoRows) {
					return keep, err
				}
			}
		}
		return abandon, errors.New("other runs keep opening and closing it")
	})
	return slice, wrap(err, "open slice of %s", stream.Name)
}

// FailSlice records why a slice was not read to its end. What has been landed of it stays. The cause must hold no secret.
// A slice that another run has taken over is left to that.
func (s *Store) FailSlice(ctx context.Context, slice Slice, cause string) error {
	_, err := s.pool.Exec(ctx, failSliceSQL, slice.ID, storable(cause), orNull(slice.run))
	return wrap(err, "fail slice %d", slice.ID)
}

// NoteReading records that a stream without windows was looked at, and that there was nothing new.
func (s *Store) NoteReading(ctx context.Context, stream string, run uuid.UUID) error {
	err := s.asReader(ctx, stream, func(tx pgx.Tx) (end, error) {
		_, err := tx.Exec(ctx, noteReadingSQL, stream, orNull(run))
		return keep, err
	})
	return wrap(err, "note the reading of %s", stream)
}

// PagesPerSlice is how many pages the stream's latest slices had on average, 0 before the first was done.
func (s *Store) PagesPerSlice(ctx context.Context, stream string) (float64, error) {
	var pages *float64
	err := s.pool.QueryRow(ctx, pagesPerSliceSQL, stream).Scan(&pages)
	if err != nil || pages == nil {
		return 0, wrap(err, "count pages of %s", stream)
	}
	return *pages, nil
}

// State reads how far a stream has been read.
func (s *Store) State(ctx context.Context, stream string) (State, error) {
	state := State{Watermarks: map[string]time.Time{}, Files: map[string]FileState{}}
	rows, err := s.pool.Query(ctx,
		`select variant, watermark from terrace.cursor where stream = $1 and watermark is not null`, stream)
	if err == nil {
		var variant string
		var watermark time.Time
		_, err = pgx.ForEachRow(rows, []any{&variant, &watermark}, func() error {
			state.Watermarks[variant] = watermark
			return nil
		})
	}
	if err != nil {
		return State{}, fmt.Errorf("read watermarks of %s: %w", stream, err)
	}
	if err := s.landedFiles(ctx, stream, state.Files); err != nil {
		return State{}, fmt.Errorf("read landed files of %s: %w", stream, err)
	}
	return state, nil
}

func (s *Store) landedFiles(ctx context.Context, stream string, files map[string]FileState) error {
	rows, err := s.pool.Query(ctx, landedFilesSQL, stream)
	if err != nil {
		return err
	}
	var (
		key      string
		file     FileState
		modified *time.Time
	)
	_, err = pgx.ForEachRow(rows, []any{&key, &file.Path, &file.Size, &modified}, func() error {
		file.Modified = time.Time{}
		if modified != nil {
			file.Modified = *modified
		}
		files[key] = file
		return nil
	})
	return err
}

func instantOrNull(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

func metaOf(spec SliceSpec) map[string]any {
	if spec.Meta == nil {
		return map[string]any{}
	}
	return spec.Meta
}

func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}
