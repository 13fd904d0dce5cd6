package ods

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// ReasonOf is why a page refuses a record, "" when it does not.
func ReasonOf(t *testing.T, page Page, record string) string {
	t.Helper()
	page.Slice.ID, page.Number, page.Fetched = 1, 1, time.Unix(0, 0)
	page.Records = []Record{{Raw: []byte(record)}}
	prepared, err := Prepare(page)
	require.NoError(t, err)
	if len(prepared.rejects) == 0 {
		return ""
	}
	return prepared.rejects[0].Reason
}

// Panic panics within a transaction of the store.
func (s *Store) Panic(ctx context.Context, what any) error {
	return s.inTransaction(ctx, func(pgx.Tx) (end, error) { panic(what) })
}
