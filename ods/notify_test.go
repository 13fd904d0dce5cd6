package ods_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// Listeners hear of pages that were committed and changed something, and of no others.
func TestLand_notifiesOfCommittedChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders())
	conn := w.db.Conn(t)
	_, err := conn.Exec(t.Context(), "listen terrace")
	require.NoError(t, err)
	heard := func() string {
		t.Helper()
		// Another's notification comes after all that were committed before it.
		w.exec("select pg_notify('terrace', 'the end')")
		said := ""
		for {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			n, err := conn.WaitForNotification(ctx)
			cancel()
			require.NoError(t, err)
			if n.Payload == "the end" {
				return said
			}
			said += n.Payload + " "
		}
	}

	w.land(record(1, "a"), record(2, "b"))
	require.Equal(t, "shop_ods.orders ", heard())
	w.land(record(1, "a"))
	require.Empty(t, heard(), "nothing changed")
	w.land(`{"id":null}`)
	require.Empty(t, heard(), "a reject changes nothing")

	page := w.page(record(3, "c"))
	page.Stream.FailOnReject = true
	page.Records = append(page.Records, w.page(`{"id":null}`).Records...)
	_, err = w.store.Land(t.Context(), page)
	require.Error(t, err)
	require.Empty(t, heard(), "the page was not committed")
}
