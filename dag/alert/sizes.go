package alert

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/jackc/pgx/v5"
)

var (
	//go:embed sql/measure.sql
	measureSQL string
	//go:embed sql/largest.sql
	largestSQL string
)

// Measure asks the database how large it is, and keeps the answer once an hour.
func Measure(ctx context.Context, conn *pgx.Conn) (Sizes, error) {
	var s Sizes
	if err := conn.QueryRow(ctx, measureSQL).Scan(&s.Now, &s.PerDay); err != nil {
		return s, fmt.Errorf("measure the database: %w", err)
	}
	return s, nil
}

// largest names the largest relations.
func largest(ctx context.Context, tx pgx.Tx) ([]string, error) {
	rows, err := tx.Query(ctx, largestSQL)
	if err != nil {
		return nil, fmt.Errorf("find the largest relations: %w", err)
	}
	var out []string
	var name string
	var bytes int64
	_, err = pgx.ForEachRow(rows, []any{&name, &bytes}, func() error {
		out = append(out, name+" "+size(bytes))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find the largest relations: %w", err)
	}
	return out, nil
}
