package model_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag/model"
)

const (
	printedHeader = "kind: table\ndepends_on: [shop_ods.orders, shop_ods.members]\ncolumns: {id: {type: bigint, not_null: true}}\nassert:\n  - expression: id > 0"
	printedSQL    = "select id, 'a  b' as x -- why\nfrom shop_ods.orders where id <> terrace.var('least')::bigint"
)

func fingerprint(t *testing.T, header, body string, vars map[string]string) string {
	t.Helper()
	p, problems := load(t, map[string]string{"models/shop/dwd/a.sql": sql(header, body)})
	require.Empty(t, problems)
	print, err := model.Fingerprint(p.Models[0], vars)
	require.NoError(t, err)
	return print
}

func TestFingerprint_ignoresWhatBuildsTheSame(t *testing.T) {
	t.Parallel()
	vars := map[string]string{"least": "1", "other": "2"}
	want := fingerprint(t, printedHeader, printedSQL, vars)
	for name, got := range map[string]string{
		"space and comments":   fingerprint(t, printedHeader, "\n\nSELECT  ID,\n'a  b' /* which */ AS X FROM SHOP_ODS . ORDERS\twhere id<>terrace.var('least')::BIGINT;\n-- end", vars),
		"form of the header":   fingerprint(t, "# a comment\ncolumns:\n  id:\n    not_null: true\n    type: bigint\nkind: table\ndepends_on:\n  - shop_ods.members\n  - shop_ods.orders\nassert: [{expression: id > 0}]", printedSQL, vars),
		"what is for people":   fingerprint(t, printedHeader+"\nowner: me\ndescription: text\ntags: [a]\nmeta: {a: b}\ntimeout: PT1M\nenabled: false", printedSQL, vars),
		"variables not read":   fingerprint(t, printedHeader, printedSQL, map[string]string{"least": "1", "other": "3"}),
		"description of a col": fingerprint(t, "kind: table\ndepends_on: [shop_ods.orders, shop_ods.members]\ncolumns: {id: {type: bigint, not_null: true, description: The id}}\nassert:\n  - expression: id > 0", printedSQL, vars),
	} {
		require.Equal(t, want, got, name)
	}
}

func TestFingerprint_seesWhatBuildsOtherwise(t *testing.T) {
	t.Parallel()
	vars := map[string]string{"least": "1"}
	seen := map[string]string{fingerprint(t, printedHeader, printedSQL, vars): "the first"}
	for name, got := range map[string]string{
		"a literal":        fingerprint(t, printedHeader, "select id, 'a b' as x from shop_ods.orders where id <> terrace.var('least')::bigint", vars),
		"a quoted name":    fingerprint(t, printedHeader, "select \"ID\", 'a  b' as x from shop_ods.orders where id <> terrace.var('least')::bigint", vars),
		"a variable":       fingerprint(t, printedHeader, printedSQL, map[string]string{"least": "2"}),
		"an unset one":     fingerprint(t, printedHeader, printedSQL, nil),
		"the kind":         fingerprint(t, "kind: view\ndepends_on: [shop_ods.orders, shop_ods.members]\ncolumns: {id: {type: bigint, not_null: true}}\nassert:\n  - expression: id > 0", printedSQL, vars),
		"an assertion":     fingerprint(t, printedHeader+"\n  - row_count: {min: 1}", printedSQL, vars),
		"a type":           fingerprint(t, "kind: table\ndepends_on: [shop_ods.orders, shop_ods.members]\ncolumns: {id: {type: text, not_null: true}}\nassert:\n  - expression: id > 0", printedSQL, vars),
		"glued words":      fingerprint(t, printedHeader, "select id, 'a  b'as x from shop_ods.orders where id <> terrace.var('least')::bigint and true", vars),
		"a computed name":  fingerprint(t, printedHeader, "select terrace.var(x) from shop_ods.orders", vars),
		"any variable now": fingerprint(t, printedHeader, "select terrace.var(x) from shop_ods.orders", map[string]string{"least": "1", "new": "1"}),
		"in the header":    fingerprint(t, printedHeader+"\n  - expression: id > terrace.var('most')::bigint", printedSQL, map[string]string{"least": "1", "most": "5"}),
		"in the header, 2": fingerprint(t, printedHeader+"\n  - expression: id > terrace.var('most')::bigint", printedSQL, map[string]string{"least": "1", "most": "6"}),
	} {
		require.Empty(t, seen[got], name)
		seen[got] = name
	}
}

func TestFingerprint_saysWhatCannotBeScanned(t *testing.T) {
	t.Parallel()
	_, err := model.Fingerprint(&model.Model{Name: "a.b", SQL: "select 'open"}, nil)
	require.ErrorContains(t, err, "fingerprint a.b: ")
}
