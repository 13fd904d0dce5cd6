package crm_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/cmd/standin/crm"
)

func contents(s *crm.Server) map[string]string {
	all := map[string]string{}
	for _, name := range s.Ledger().Names() {
		all[name] = string(s.Ledger().File(name))
	}
	return all
}

func TestServer_sameSeedSameBytes(t *testing.T) {
	t.Parallel()
	a, b := crm.New(crm.Options{Seed: 7, Days: 12}), crm.New(crm.Options{Seed: 7, Days: 12})
	require.Equal(t, contents(a), contents(b))
	require.NotEqual(t, contents(a), contents(crm.New(crm.Options{Seed: 8, Days: 12})))
}

func TestAdvance_addsFilesAndChangesNone(t *testing.T) {
	t.Parallel()
	s := crm.New(crm.Options{Days: 9})
	before := contents(s)
	s.Advance(3)
	require.Equal(t, contents(crm.New(crm.Options{Days: 12})), contents(s))
	for name, content := range before {
		require.Equal(t, content, contents(s)[name])
	}
	require.Greater(t, len(contents(s)), len(before)+6)
}

func TestWrite_leavesWhatIsThere(t *testing.T) {
	t.Parallel()
	s, folder := crm.New(crm.Options{Days: 2}), t.TempDir()
	require.NoError(t, s.Write(folder))
	name := filepath.Join(folder, s.Ledger().Names()[0])
	info, err := os.Stat(name)
	require.NoError(t, err)
	s.Advance(1)
	require.NoError(t, s.Write(folder))
	again, err := os.Stat(name)
	require.NoError(t, err)
	require.Equal(t, info.ModTime(), again.ModTime())
	written, err := filepath.Glob(filepath.Join(folder, "*", "*"))
	require.NoError(t, err)
	require.Len(t, written, len(s.Ledger().Names()))
}

func TestBooks_findNothingWrongInCleanFiles(t *testing.T) {
	t.Parallel()
	b := crm.NewBooks(crm.New(crm.Options{Days: 20, Clean: true}).Ledger())
	require.Empty(t, b.Rejects)
	for _, i := range b.Imports {
		require.Equal(t, "success", i.Status)
	}
}

func TestBooks_meetEveryCase(t *testing.T) {
	t.Parallel()
	found := map[string]bool{}
	s := crm.New(crm.Options{Days: 30})
	for range 30 {
		b := crm.NewBooks(s.Ledger())
		for _, r := range b.Rejects {
			found[r.Rule] = true
		}
		for _, o := range b.Orders {
			found[o.Strategy], found[o.Type] = true, true
		}
		for _, l := range b.Leads {
			found[l.Stage] = true
		}
		for _, i := range b.Imports {
			found[i.Status] = true
		}
		s.Advance(1)
	}
	for _, what := range []string{
		"order_id", "customer_name", "shop", "amount", "order_date", "created_at", "import_unknown", "new", "reuse", "SAMPLE", "BULK",
		"OPEN", "COLD", "FOLLOWING", "WON", "LOST", "success", "partial_success", "failed",
	} {
		require.True(t, found[what], what)
	}
}
