package model_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag/model"
)

func TestParseHeader_readsFigures(t *testing.T) {
	t.Parallel()
	h := mustParse(t, `depends_on: []
dashboard:
  - {title: Paid, chart: number, x: day, y: paid, format: money, unit: yuan, unit_zh: 元}
  - title: Days
    title_zh: 每日
    chart: line
    x: {day: {label: Day}}
    y:
      paid: {label: Paid, label_zh: 实收}
      share: {format: percent}
    format: money
    limit: 7
    order: 2
  - {title: All, page: quality, sort: [-day, paid], ok: is_equal}`)
	require.Equal(t, []model.Figure{
		{
			Title: "Paid", Page: model.PageDashboard, Chart: model.ChartNumber, X: &model.Shown{Column: "day"},
			Y: []model.Shown{{Column: "paid", Format: model.FormatMoney}}, Unit: "yuan", UnitZh: "元", Limit: 30, Line: 3,
		},
		{
			Title: "Days", TitleZh: "每日", Page: model.PageDashboard, Chart: model.ChartLine, X: &model.Shown{Column: "day", Label: "Day"},
			Y: []model.Shown{
				{Column: "paid", Label: "Paid", LabelZh: "实收", Format: model.FormatMoney},
				{Column: "share", Format: model.FormatPercent},
			},
			Limit: 7, Order: 2, Line: 4,
		},
		{
			Title: "All", Page: model.PageQuality, Chart: model.ChartTable, Sort: []model.Sorting{{Column: "day", Descending: true}, {Column: "paid"}},
			OK: "is_equal", Limit: 20, Line: 14,
		},
	}, h.Dashboard)
	require.Equal(t, []string{"day", "paid", "is_equal"}, h.Dashboard[2].Columns())
}

func TestParseHeader_refusesFiguresThatCannotBeDrawn(t *testing.T) {
	t.Parallel()
	for figure, want := range map[string]string{
		"{chart: line, x: a, y: b}":                      `"title" is missing`,
		"{title: '', x: a}":                              "a figure has a title",
		"{title: A, chart: pie}":                         `cannot be "pie"`,
		"{title: A, chart: line, y: b}":                  "a line chart has an x",
		"{title: A, chart: bar, x: b}":                   "a bar chart has a y",
		"{title: A, chart: number, x: b}":                "a number is one column",
		"{title: A, chart: number, y: [a, b]}":           "a number is one column",
		"{title: A, chart: line, x: [a, b], y: c}":       "x is one column",
		"{title: A, chart: line, x: a, y: [a]}":          `the figure shows "a" twice`,
		"{title: A, chart: bar, x: x, y: [a,b,c,d,e,f]}": "a chart draws 5 columns at most",
		"{title: A, limit: 0}":                           "limit is 0",
		"{title: A, limit: 5000}":                        "limit is 5000",
		"{title: A, chart: line, x: a, y: b, ok: c}":     "ok marks rows of a table",
		"{title: A, y: {a: {lable: B}}}":                 `"lable"`,
		"{title: A, y: {a: {format: dollars}}}":          `cannot be "dollars"`,
		"{title: A, x: a, y: b, colour: red}":            `"colour"`,
	} {
		_, problems := model.ParseHeader("m.sql", []byte(sql("depends_on: []\ndashboard: ["+figure+"]", "select 1")))
		require.NotEmpty(t, problems, figure)
		require.Contains(t, problems[0].Message, want, figure)
		require.Equal(t, 2, problems[0].Line, figure)
	}
	_, problems := model.ParseHeader("m.sql", []byte(sql("kind: sql\ntarget: a.b\ndepends_on: []\ndashboard: {title: A}", "insert into a.b select 1")))
	require.NotEmpty(t, problems)
	require.Contains(t, problems[0].Message, "kind sql has no rows of its own")
}

func TestTokens_joinedAreTheText(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "select 1", "select 'é' as \"select\", 1.5 -- 中文\nfrom a.b /* x */ where c = $1", "select '", "\x00", "select u&'\\0041', b'1'",
	} {
		joined := ""
		for _, token := range model.Tokens(text) {
			joined += token.Text
		}
		require.Equal(t, text, joined)
	}
	require.Equal(t, []model.Token{
		{Kind: model.TokenKeyword, Text: "select"},
		{Text: " "},
		{Kind: model.TokenText, Text: "'中'"},
		{Text: ", "},
		{Kind: model.TokenNumber, Text: "1"},
		{Text: " "},
		{Kind: model.TokenComment, Text: "-- 文"},
	}, model.Tokens("select '中', 1 -- 文"))
}
