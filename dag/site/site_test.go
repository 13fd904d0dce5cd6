package site

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag/model"
)

// Every text that pages show in English stands in Chinese as well, with the same values.
func TestSay_hasEveryTextInChinese(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	templates, err := filepath.Glob("templates/*.html")
	require.NoError(t, err)
	calls := regexp.MustCompile(`(?:\.T\(|\.T |h\.refuse\(w, r, http\.Status(?:Forbidden|NotFound), )"((?:[^"\\]|\\.)*)"`)
	found := 0
	for _, file := range append(files, templates...) {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, match := range calls.FindAllStringSubmatch(string(text), -1) {
			require.Contains(t, inChinese, match[1], file)
			found++
		}
	}
	require.Greater(t, found, 100)
	verb := regexp.MustCompile(`%(\[\d\])?[ds]`)
	for english, chinese := range inChinese {
		require.Len(t, verb.FindAllString(chinese, -1), len(verb.FindAllString(english, -1)), english)
	}
	for status := range icons {
		require.Contains(t, inChinese, status)
	}
}

func TestAccepted_takesTheLanguageThatIsPreferred(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]Lang{
		"": English, "zh-CN,zh;q=0.9,en;q=0.8": Chinese, "en-GB,zh;q=0.5": English, "de": English, "zh-TW": Chinese, ";;;": English,
	} {
		require.Equal(t, want, accepted(header), header)
	}
}

func ptr(text string) *string { return &text }

func TestFormatted_keepsEveryDigit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		value  string
		format model.Format
		want   string
	}{
		{"1234567.891", model.FormatNumber, "1,234,567.891"},
		{"-1234", model.FormatNumber, "-1,234"},
		{"999", model.FormatNumber, "999"},
		{"12345678901234567890123", model.FormatMoney, "12,345,678,901,234,567,890,123.00"},
		{"0.005", model.FormatMoney, "0.01"},
		{"-0.1", model.FormatMoney, "-0.10"},
		{"0.1234", model.FormatPercent, "12.34 %"},
		{"1", model.FormatPercent, "100 %"},
		{"1000200030004123", model.FormatPlain, "1000200030004123"},
		{"2025-10-31", model.FormatNumber, "2025-10-31"},
		{"NaN", model.FormatMoney, "NaN"},
		{"1/3", model.FormatMoney, "1/3"},
		{"e", model.FormatNumber, "e"},
	} {
		require.Equal(t, c.want, formatted(ptr(c.value), c.format), c.value)
	}
	require.Equal(t, "–", formatted(nil, model.FormatMoney))
}

func TestNiceScale_holdsTheValues(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]float64{{0, 9, 1}, {-3, 7, 0}, {0, 0, 1}, {0, 123456, 0}, {0, 0.002, 0}, {0, 1, 1}} {
		from, to, step := niceScale(c[0], c[1], c[2])
		require.LessOrEqual(t, from, c[0])
		require.GreaterOrEqual(t, to, c[1])
		require.GreaterOrEqual(t, step, c[2])
		require.LessOrEqual(t, (to-from)/step, 7.0, "%v", c)
	}
}

func TestCut_countsColumns(t *testing.T) {
	t.Parallel()
	require.Equal(t, "abc", cut("abc", 3))
	require.Equal(t, "ab…", cut("abc", 2))
	require.Equal(t, "台费…", cut("台费收入", 5))
	require.Equal(t, 7, columns("台费abc"))
	require.Equal(t, "dwd.orders", cutName("dwd.orders", 10))
	require.Equal(t, "dwd.cus…nth", cutName("dwd.customer_lifetime_month", 11))
	require.Equal(t, "台费收…总额", cutName("台费收入分析总额", 12))
}

func TestAgo_isWrittenAsPeopleDo(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	require.Equal(t, "3 s ago", ago(now.Add(-3*time.Second), now, English))
	require.Equal(t, "5 小时前", ago(now.Add(-5*time.Hour), now, Chinese))
	require.Equal(t, "in 10 min", ago(now.Add(10*time.Minute), now, English))
	require.Equal(t, "3 d ago", ago(now.AddDate(0, 0, -3), now, English))
}

// What is read stands left of what reads it, no two boxes of a layer share a place, and a long edge has one in each layer.
func TestLayout_putsWhatIsReadToTheLeft(t *testing.T) {
	t.Parallel()
	boxes := []*box{{ID: "a"}, {ID: "b"}, {ID: "c"}, {ID: "d"}, {ID: "late"}}
	layers := layout(boxes, [][2]string{{"a", "b"}, {"b", "c"}, {"c", "d"}, {"a", "d"}, {"late", "d"}})
	require.Equal(t, []int{0, 1, 2, 3, 2}, []int{boxes[0].layer, boxes[1].layer, boxes[2].layer, boxes[3].layer, boxes[4].layer})
	places := 0
	for _, layer := range layers {
		rows := map[float64]bool{}
		for _, b := range layer {
			require.False(t, rows[b.row])
			rows[b.row] = true
			if b.dummy {
				places++
			}
			for _, next := range b.after {
				require.Equal(t, b.layer+1, next.layer)
			}
		}
	}
	require.Equal(t, 2, places)
}

func TestDrawings_escapeWhatTheyShow(t *testing.T) {
	t.Parallel()
	const hostile = `<script>alert("1")</script>`
	r := rows{
		Figure:  Figure{Figure: model.Figure{Title: hostile, Chart: model.ChartBar, X: &model.Shown{Column: "x"}, Y: []model.Shown{{Column: "y", Label: hostile}}, Sort: []model.Sorting{{Column: "y"}}}},
		Columns: []string{"x", "y"}, Rows: [][]*string{{ptr(hostile), ptr("1")}, {nil, ptr("-2")}, {ptr("b"), nil}},
	}
	for _, chart := range []model.Chart{model.ChartBar, model.ChartLine, model.ChartNumber} {
		for _, sort := range [][]model.Sorting{nil, r.Sort} {
			r.Chart, r.Figure.Sort = chart, sort
			require.NotContains(t, string(show(r, English).Picture), "<script")
		}
	}
	require.NotContains(t, string(diagram(hostile, []*box{{ID: "a", Name: hostile, Title: hostile, Href: `"><script>`}}, nil)), "<script")
	require.NotContains(t, string(gantt(hostile, []bar{{Name: hostile, Title: hostile, Seconds: 1}}, English)), "<script")
}

// A day without a row is a gap as wide as a day.
func TestChart_placesRowsByTheirTime(t *testing.T) {
	t.Parallel()
	c := newChart(rows{
		Figure:  Figure{Figure: model.Figure{Chart: model.ChartLine, X: &model.Shown{Column: "x"}, Y: []model.Shown{{Column: "y"}}}},
		Columns: []string{"x", "y"}, Rows: [][]*string{{ptr("2025-01-01"), ptr("1")}, {ptr("2025-01-02"), ptr("2")}, {ptr("2025-01-05"), ptr("3")}},
	}, English)
	at := c.places()
	require.InDelta(t, 3*(at(1)-at(0)), at(2)-at(1), 0.01)
}

func TestFigure_asksForNoMoreThanItShows(t *testing.T) {
	t.Parallel()
	f := Figure{Model: `a."b`, Figure: model.Figure{
		Chart: model.ChartLine, X: &model.Shown{Column: "day"}, Y: []model.Shown{{Column: `o"dd`}}, Limit: 7,
	}}
	require.Equal(t, `select figure."day", figure."o""dd"
from "a"."""b" as figure
order by figure."day" desc nulls last, figure."day" nulls last, figure."o""dd" nulls last
limit 7`, f.query())
}

func TestLoopback_isNoNameOfElsewhere(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST:8765": true, "127.0.0.1:80": true, "127.9.9.9": true, "[::1]:8765": true, "::1": true, "[::ffff:127.0.0.1]:1": true,
		"": false, "localhost.example.org": false, "10.0.0.1:8765": false, "127.0.0.1.example.org": false, "[::]:80": false, "0.0.0.0": false,
	} {
		require.Equal(t, want, loopback(host), host)
	}
}

func TestLocal_leadsToThisServerAlone(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/": "/", "/runs?status=failure": "/runs?status=failure", "": "/", "//evil.example": "/", `/\evil.example`: "/", "https://evil.example": "/",
		"evil": "/", "/\r\nSet-Cookie: a=b": "/", "javascript:alert(1)": "/", "///evil.example": "/",
	} {
		require.Equal(t, want, local(path), path)
	}
}
