package dag

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// GivingWayTimes is GivingWay with so many attempts.
func GivingWayTimes(ctx context.Context, conn *pgx.Conn, attempts int, relations []string, do func(pgx.Tx) error) error {
	return givingWay(ctx, conn, attempts, relations, do)
}
