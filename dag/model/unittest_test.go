package model_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag/model"
)

// unitTests loads a project with one model that reads a stream, and the text as its only unit test.
func unitTests(t *testing.T, text string) ([]*model.UnitTest, []string) {
	t.Helper()
	files := fstest.MapFS{
		"terrace.yml":             {Data: []byte("name: p\ntimezone: Asia/Shanghai\n")},
		"models/s/m.sql":          {Data: []byte("-- depends_on: [ods.orders]\nselect o.id from ods.orders as o\n")},
		"models/s/q.sql":          {Data: []byte("-- kind: sql\n-- target: s.t\n-- depends_on: []\nselect 1\n")},
		"tests/s/deep/m_case.yml": {Data: []byte(text)},
	}
	p, problems := model.Load(files, model.Options{Streams: []model.Stream{{Name: "ods.orders", File: "x.yml"}}})
	require.Empty(t, problems)
	tests, problems := model.LoadUnitTests(files, p)
	told := []string{}
	for _, problem := range problems {
		told = append(told, fmt.Sprintf("%s | %s", problem.Error(), problem.Hint))
	}
	return tests, told
}

func TestLoadUnitTests_keepsValuesAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	tests, problems := unitTests(t, `model: s.m
vars: {day: "2026-01-01"}
run_at: 2026-01-02 10:00:00
given:
  ods.orders:
    - {id: 1, amount: 1.10, code: 007, text: "12", at: 2026-01-01, yes: true, none: null}
    - id: 12345678901234567890
      payload: {lines: [{n: 1.50}, 2, "x<y"], deep: {a: ~}}
    - {}
expect: []
given_then:
  ods.orders: []
expect_then:
  - {id: 1}
`)
	require.Empty(t, problems)
	require.Len(t, tests, 1)
	test := tests[0]
	require.Equal(t, "s.deep.m_case", test.Name)
	require.Equal(t, "s.m", test.Model.Name)
	require.Equal(t, time.Date(2026, 1, 2, 2, 0, 0, 0, time.UTC), test.First.At.UTC())
	require.Equal(t, test.First.At.AddDate(0, 0, 1), test.Then.At)
	rows := test.First.Given[0].Rows
	require.Equal(t, `{"id":1,"amount":1.10,"code":"007","text":"12","at":"2026-01-01","yes":true,"none":null}`, string(rows[0].JSON()))
	require.Equal(t, `{"id":12345678901234567890,"payload":{"lines":[{"n":1.50},2,"x\u003cy"],"deep":{"a":null}}}`, string(rows[1].JSON()))
	require.Equal(t, `{}`, string(rows[2].JSON()))
	require.Equal(t, 7, rows[1].Line)
	require.Empty(t, test.First.Expect)
	require.Len(t, test.Then.Expect, 1)
}

func TestLoadUnitTests_reportsEveryMistakeAtItsPlace(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"model: s.m\ngiven: {}\nexpected: []\n": {
			`tests/s/deep/m_case.yml:3:1: unknown key "expected" | did you mean "expect"?`,
		},
		"model: s.n\ngiven: {}\nexpect: []\n": {`tests/s/deep/m_case.yml:1:8: there is no model s.n | did you mean "s.m"?`},
		"model: s.q\ngiven: {}\nexpect: []\n": {`tests/s/deep/m_case.yml:1:8: s.q is of kind sql: its statements write where they say | test what reads its target`},
		"model: s.m\ngiven:\n  ods.order: []\nexpect: []\n": {
			`tests/s/deep/m_case.yml:3:3: s.m does not read ods.order | did you mean "ods.orders"?`,
		},
		"model: s.m\ngiven: {}\nexpect: []\ngiven_then:\n  ods.orders: []\n": {
			`tests/s/deep/m_case.yml:5:3: given_then needs expect_then | say what the second run makes of it`,
		},
		"model: s.m\nrun_at: soon\ngiven: {}\nexpect: []\nexpect_then: []\n": {
			`tests/s/deep/m_case.yml:2:9: "soon" is no time | write 2026-01-31, or 2026-01-31 10:00:00, or with a zone 2026-01-31T10:00:00+08:00`,
			`tests/s/deep/m_case.yml:5:14: expect_then needs given_then | say what has changed before the second run`,
		},
		"model: s.m\nrun_at_then: 2026-01-01\ngiven:\n  ods.orders: [{payload: {id: !!str 1}}]\nexpect: []\n": {
			`tests/s/deep/m_case.yml:2:14: run_at_then means nothing without a second run | add given_then and expect_then, or remove it`,
			`tests/s/deep/m_case.yml:4:31: the tag !!str is not used here | remove it; put quotes around a value that is text`,
		},
		"model: s.m\ngiven:\n  ods.orders: [1]\nexpect: []\n": {`tests/s/deep/m_case.yml:3:16: an item of "ods.orders" wants a mapping, got "1" | `},
	} {
		_, problems := unitTests(t, text)
		require.Equal(t, want, problems, text)
	}
}

func TestDocs_unitTestIsLegal(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/MODELS.md")
	require.NoError(t, err)
	_, text, found := strings.Cut(string(page), "```yml\n")
	require.True(t, found)
	text, _, _ = strings.Cut(text, "```")
	text = strings.NewReplacer("shop_dwd.dim_customer", "s.m", "shop_ods.customers", "ods.orders").Replace(text)
	tests, problems := unitTests(t, text)
	require.Empty(t, problems)
	require.NotNil(t, tests[0].Then)
}
