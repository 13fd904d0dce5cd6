package dag_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// continuing are queries over versions, and how a dimension of them follows one that comes last.
var continuing = map[string]struct{ query, told string }{
	"plain":    {"select v.id, v.a, v.b, v._seen_at, v._version from ods.things__versions as v", "1 key continued"},
	"computed": {"with t as (select v.id, v.a + 1 as a, abs(v.b) as b, v._seen_at, v._version from ods.things__versions as v) select * from t where t.id > 0", "1 key continued"},
	"filtered": {"select v.id, v.a, v.b, v._seen_at, v._version from ods.things__versions as v where v.a < 5", "0 keys continued"},
	"halves":   {"select v.id, v.a, v.b, v._seen_at, v._version from ods.things__versions as v where v.a = 1 union all select v.id, v.a, v.b, v._seen_at, v._version from ods.things__versions as v where v.a is distinct from 1", "1 key continued"},
	"window":   {"select v.id, v.a, lag(v.a) over (partition by v.id order by v._version) as b, v._seen_at, v._version from ods.things__versions as v", "1 key recomputed"},
	"numbered": {"select v.id, v.a, row_number() over (order by v._version) as b, v._seen_at, v._version from ods.things__versions as v", "recomputed in full: no expression gives the group of a row of ods.things"},
	"current":  {"select v.id, v.a, v._superseded_at is null as b, v._seen_at, v._version from ods.things__versions as v", "1 key recomputed"},
	"replaced": {"select v.id, v.a, v.b, v._seen_at, v._version from ods.things__versions as v where v._superseded_at is not null", "1 key recomputed"},
	"row":      {"select v.id, v.a, (to_jsonb(v) ->> '_superseded_at') is null as b, v._seen_at, v._version from ods.things__versions as v", "1 key recomputed"},
	"first":    {"select distinct on (v.id, v.a) v.id, v.a, v.b, v._seen_at, v._version from ods.things__versions as v order by v.id, v.a, v._version", "1 key recomputed"},
	"later":    {"select v.id, v.a, v.b, v._seen_at, v._version from ods.things__versions as v where exists (select from ods.things__versions as n where n.id = v.id and n._version > v._version)", "1 key recomputed"},
	"counted":  {"select v.id, v.a, (select count(*) from ods.things__versions as n where n.id = v.id) as b, v._seen_at, v._version from ods.things__versions as v", "1 key recomputed"},
	"called":   {"select v.id, v.a, ods.versions_of(v.id) as b, v._seen_at, v._version from ods.things__versions as v", "recomputed in full: ods.versions_of() may read tables: it is not declared immutable"},
}

func TestSCD2_isContinuedOnlyWhereEachRowComesOfOneVersion(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	for name, c := range continuing {
		files["models/shop/"+name+".sql"] = "-- kind: scd2\n-- key: [id]\n-- depends_on: [ods.things__versions]\n" + c.query
	}
	w := newWorld(t, files, "ods.things")
	w.exec("create schema ods")
	w.exec(versionsTable)
	w.exec("create function ods.versions_of(integer) returns bigint language sql stable as 'select count(*) from ods.things__versions as v where v.id = $1'")
	w.exec("insert into terrace.stream values ('ods.things', '{id}', '{integer}')")
	one, two, seven := 1, 2, 7
	w.landVersions([]landedVersion{
		{number: 1, key: 1, seen: 1, said: said{&one, &one}},
		{number: 2, key: 2, seen: 1, said: said{&one, &one}},
		{number: 3, key: 1, seen: 2, said: said{&two, &one}},
	})
	w.exec("update ods.things__versions set _superseded_at = $1 where _version = 1", hour(2))
	w.succeed()
	w.exec("update ods.things__versions set _superseded_at = $1 where _version = 3", hour(3))
	w.landVersions([]landedVersion{{number: 4, key: 1, seen: 3, said: said{&seven, &seven}}})
	told := map[string]string{}
	for _, s := range w.succeed().Steps {
		told[strings.TrimPrefix(s.Name, "shop.")] = strings.TrimPrefix(s.Reason, "upstream changed: 1 row in ods.things; ")
	}
	before := map[string][]string{}
	for name, c := range continuing {
		require.Equal(t, c.told, told[name], name)
		before[name] = w.rows("select * from shop." + name + " order by id, valid_from")
	}
	w.refreshFully()
	for name := range continuing {
		require.Equal(t, w.rows("select * from shop."+name+" order by id, valid_from"), before[name], name)
	}
}

func TestSCD2_isContinuedOnlyWhereItIsKnownHowFarItWent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"models/shop/things.sql": "-- kind: scd2\n-- key: [id]\n-- depends_on: [ods.things__versions]\n" + continuing["plain"].query,
	}, "ods.things")
	w.exec("create schema ods")
	w.exec(versionsTable)
	w.exec("insert into terrace.stream values ('ods.things', '{id}', '{integer}')")
	values := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	lands := func(number, key, seen int) string {
		w.landVersions([]landedVersion{{number: number, key: key, seen: seen, said: said{&values[number], &values[number]}}})
		_, told, _ := strings.Cut(step(t, w.succeed(), "shop.things").Reason, "; ")
		return told
	}
	lands(1, 1, 5)
	require.Equal(t, "1 key continued", lands(2, 1, 6))
	require.Equal(t, "1 key recomputed", lands(3, 2, 6), "of one time")
	require.Equal(t, "1 key recomputed", lands(4, 1, 4), "late")
	require.Equal(t, "1 key continued", lands(5, 1, 7))
	require.Equal(t, "1 key recomputed", lands(6, 2, 7), "7 was seen of another key")
	w.exec("update terrace.node_state set newest_event = null where node = 'shop.things'")
	require.Equal(t, "1 key recomputed", lands(7, 1, 8), "nobody knows")
	require.Equal(t, "1 key recomputed", lands(8, 1, 9), "and nobody learns it from one key")
	before := w.rows("select * from shop.things order by id, valid_from")
	w.refreshFully()
	require.Equal(t, before, w.rows("select * from shop.things order by id, valid_from"))
	require.Equal(t, "1 key continued", lands(9, 1, 10))
}
