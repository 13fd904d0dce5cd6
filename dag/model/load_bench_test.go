package model_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag/model"
)

// writeProject makes a project of n models in a hundred schemas, each with a header and a query of usual size.
func writeProject(tb testing.TB, n int) fs.FS {
	tb.Helper()
	dir := tb.TempDir()
	write := func(name, text string) {
		file := filepath.Join(dir, name)
		require.NoError(tb, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(tb, os.WriteFile(file, []byte(text), 0o600))
	}
	write("terrace.yml", "name: many\n")
	for i := range n {
		write(fmt.Sprintf("models/domain_%03d/dwd/model_%05d.sql", i%100, i), modelText(i))
	}
	return os.DirFS(dir)
}

func modelText(i int) string {
	before := fmt.Sprintf("domain_%03d_dwd.model_%05d", max(i-1, 0)%100, max(i-1, 0))
	deps, from := "[]", "(values (1::bigint, 2::bigint, now(), 1.5)) as o (site_id, member_id, pay_time, amount)"
	if i > 0 {
		deps, from = "["+before+"]", before+" as o"
	}
	return fmt.Sprintf(`-- kind: incremental
-- key: [site_id, business_date]
-- depends_on: %s
-- incremental:
--   by: [site_id, business_date]
-- columns:
--   site_id: {type: bigint, not_null: true}
--   business_date: date
-- tags: [daily, settlement]
-- owner: finance
-- description: Settled orders per hall and day, number %d.
select
    o.site_id,
    o.pay_time::date as business_date,
    count(*) as orders,
    count(distinct o.member_id) as members,
    sum(o.amount) as amount
from %s
where o.amount is not null
group by o.site_id, o.pay_time::date
`, deps, i, from)
}

func BenchmarkLoad10000(b *testing.B) {
	fsys := writeProject(b, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		p, problems := model.Load(fsys, model.Options{})
		require.Empty(b, problems)
		require.Len(b, p.Models, 10_000)
	}
}

func BenchmarkCheckSQL1000(b *testing.B) {
	p, problems := model.Load(writeProject(b, 1000), model.Options{})
	require.Empty(b, problems)
	for b.Loop() {
		p.CheckSQL(nil)
	}
}

func BenchmarkFingerprint1000(b *testing.B) {
	p, problems := model.Load(writeProject(b, 1000), model.Options{})
	require.Empty(b, problems)
	for b.Loop() {
		for _, m := range p.Models {
			_, err := model.Fingerprint(m, nil)
			require.NoError(b, err)
		}
	}
}
