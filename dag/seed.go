package dag

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
)

// seed brings a CSV file's rows into its table. The server reads the CSV: an empty unquoted cell is NULL.
func (b *building) seed(ctx context.Context, seed model.Seed) error {
	seed, err := b.canonical(ctx, seed)
	if err != nil {
		return err
	}
	in := materialize.Input{Existing: b.existing, Foreign: b.foreign, FullRefresh: b.FullRefresh, Aside: b.putsOff()}
	if err := b.feed(ctx, &in); err != nil {
		return err
	}
	script, err := b.render(ctx, "table", func() (materialize.Script, error) {
		return materialize.RenderSeed(seed, in)
	})
	if err != nil {
		return err
	}
	if err := b.execute(ctx, script, func() error { return b.copySeed(ctx, seed) }); err != nil {
		return err
	}
	b.succeeded(b.result.Rows.Changed() > 0)
	return nil
}

// describedIn is the file that gives the seed's columns their types and rules.
func describedIn(seed model.Seed) string { return strings.TrimSuffix(seed.File, ".csv") + ".yml" }

// canonical gives declared types the names that the catalog has for them, so that an unchanged table is recognised.
func (b *building) canonical(ctx context.Context, seed model.Seed) (model.Seed, error) {
	types, err := b.declaredTypes(ctx, describedIn(seed), seed.Columns)
	if err != nil {
		return seed, err
	}
	seed.Columns = slices.Clone(seed.Columns)
	for i := range seed.Columns {
		seed.Columns[i].Type = types[i]
	}
	return seed, nil
}

var lineOfCopy = regexp.MustCompile(`^COPY stage, line ([0-9]+)`)

// copiedLine is the line of the file at which a COPY stopped, or 1.
func copiedLine(where string) int {
	if found := lineOfCopy.FindStringSubmatch(where); found != nil {
		if n, err := strconv.Atoi(found[1]); err == nil {
			return n
		}
	}
	return 1
}

func (b *building) copySeed(ctx context.Context, seed model.Seed) error {
	content, err := fs.ReadFile(b.Files, seed.File)
	if err != nil {
		return fmt.Errorf("read %s: %w", seed.File, err)
	}
	content = bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))
	tag, err := b.conn.PgConn().CopyFrom(ctx, bytes.NewReader(content), `copy pg_temp."stage" from stdin (format csv, header true)`)
	if err != nil {
		var server *pgconn.PgError
		if errors.As(err, &server) {
			return &StepError{StepFault: StepFault{
				Message: server.Message, SQLState: server.Code, File: seed.File, Line: copiedLine(server.Where), Column: 1,
				Hint: "In the file: " + server.Where,
			}, err: err}
		}
		return fmt.Errorf("copy %s: %w", seed.File, err)
	}
	b.besides.staged = tag.RowsAffected()
	return nil
}
