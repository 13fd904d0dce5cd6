package dag

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// probe is one statement that the server is asked to understand.
type probe struct {
	sql string
	// create executes the statement; otherwise it is only described.
	create bool
	// answer is called once: with the columns that the statement returns, or the error.
	answer func(fields []pgconn.FieldDescription, err *pgconn.PgError)
}

// probesAtOnce are under way together. After one that fails, those behind it are sent again.
const probesAtOnce = 100

// ask sends probes without waiting for one before the next. Each stands in a savepoint of its own, so that one that fails
// spoils only itself.
func ask(ctx context.Context, conn *pgconn.PgConn, probes []probe) error {
	for len(probes) > 0 {
		done, err := askSome(ctx, conn, probes[:min(len(probes), probesAtOnce)])
		if err != nil {
			return err
		}
		probes = probes[done:]
	}
	return nil
}

// askSome sends the probes and returns how many of them are answered: all, or those up to the first that failed.
func askSome(ctx context.Context, conn *pgconn.PgConn, probes []probe) (int, error) {
	pipeline := conn.StartPipeline(ctx)
	for _, p := range probes {
		pipeline.SendQueryParams("savepoint probe", nil, nil, nil, nil)
		if p.create {
			pipeline.SendQueryParams(p.sql, nil, nil, nil, nil)
		} else {
			pipeline.SendPrepare("", p.sql, nil)
		}
		pipeline.SendQueryParams("release savepoint probe", nil, nil, nil, nil)
	}
	done, failed, err := answers(pipeline, probes)
	if closed := pipeline.Close(); err == nil && failed == nil && closed != nil {
		err = closed
	}
	if err != nil {
		return 0, fmt.Errorf("compile: %w", err)
	}
	if failed == nil {
		return len(probes), nil
	}
	if _, err := conn.Exec(ctx, "rollback to savepoint probe; release savepoint probe").ReadAll(); err != nil {
		return 0, fmt.Errorf("go on after a mistake: %w", err)
	}
	probes[done-1].answer(nil, failed)
	return done, nil
}

// answers reads what came back, up to the first error of the server's own.
func answers(pipeline *pgconn.Pipeline, probes []probe) (done int, failed *pgconn.PgError, err error) {
	if err := pipeline.Sync(); err != nil {
		return 0, nil, err
	}
	for i, p := range probes {
		var fields []pgconn.FieldDescription
		for range 3 { // savepoint, the statement, release
			described, err := answer(pipeline)
			if errors.As(err, &failed) {
				return i + 1, failed, nil
			}
			if err != nil {
				return i, nil, err
			}
			if described != nil {
				fields = described
			}
		}
		p.answer(fields, nil)
	}
	return len(probes), nil, nil
}

// answer reads one result: the columns of a statement that was described, or nothing.
func answer(pipeline *pgconn.Pipeline) ([]pgconn.FieldDescription, error) {
	result, err := pipeline.GetResults()
	if err != nil {
		return nil, err
	}
	switch r := result.(type) {
	case *pgconn.StatementDescription:
		return r.Fields, nil
	case *pgconn.ResultReader:
		_, err := r.Close()
		return nil, err
	default:
		return nil, nil
	}
}
