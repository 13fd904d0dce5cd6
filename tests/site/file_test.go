// Package site_test looks at the pages of the reference project as a reader would: every link leads somewhere, nothing is
// fetched from elsewhere, what the tables hold is what the pages show, and what is hostile stays text.
package site_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/terrace-elt/terrace/tests/demotest"
)

func TestMain(m *testing.M) { demotest.Main(m) }

// hostile is a text that would run, were it not escaped.
const hostile = `<script>alert("x")</script><img src=x onerror=alert(1)>`

// page is a parsed document.
type page struct {
	root *html.Node
	// sections are the elements by id.
	ids map[string]*html.Node
}

func parse(t *testing.T, text string) page {
	t.Helper()
	root, err := html.Parse(strings.NewReader(text))
	require.NoError(t, err)
	p := page{root: root, ids: map[string]*html.Node{}}
	for n := range root.Descendants() {
		if id := attribute(n, "id"); id != "" {
			p.ids[id] = n
		}
	}
	return p
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// text is what stands in an element.
func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// requireContained wants a document that fetches and runs nothing but its own style and script.
func requireContained(t *testing.T, p page, scripts int) {
	t.Helper()
	for n := range p.root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "script":
			scripts--
		case "img", "iframe", "object", "embed":
			require.Fail(t, "element", n.Data)
		}
		for _, a := range n.Attr {
			require.False(t, strings.HasPrefix(a.Key, "on") || a.Key == "style", "%s %s=%s", n.Data, a.Key, a.Val)
			if a.Key == "href" || a.Key == "src" || a.Key == "action" {
				require.NotContains(t, a.Val, "//", "%s leads elsewhere", n.Data)
				require.NotContains(t, a.Val, "javascript:")
			}
		}
	}
	require.Zero(t, scripts, "scripts")
}

func TestFile_showsADemoAsItIs(t *testing.T) {
	t.Parallel()
	p := demotest.New(t)
	model := filepath.Join(p.Dir, "models/xiaoe/ads/daily_overview.sql")
	source, err := os.ReadFile(model)
	require.NoError(t, err)
	changed := strings.Replace(string(source), "-- description: The figures", "-- description: '"+hostile+" The figures", 1)
	changed = strings.Replace(changed, "in yuan.\n", "in yuan.'\n", 1)
	changed = strings.Replace(changed, "label: Granted,", `label: '`+hostile+`',`, 1)
	require.NotEqual(t, string(source), changed)
	require.NoError(t, os.WriteFile(model, []byte(changed), 0o644))
	p.Run(0, "demo", "--json", "--days", "12")
	conn := p.Connect()
	file := filepath.Join(p.Dir, "pages.html")
	for _, lang := range []string{"en", "zh"} {
		p.Run(0, "docs", "--database-url", p.URL(), "--out", file, "--lang", lang)
		written, err := os.ReadFile(file)
		require.NoError(t, err)
		doc := parse(t, string(written))
		requireContained(t, doc, 1)
		links := 0
		for n := range doc.root.Descendants() {
			href := attribute(n, "href")
			if n.Data != "a" || href == "#content" {
				continue
			}
			links++
			require.True(t, strings.HasPrefix(href, "#"), href)
			require.NotNil(t, doc.ids[href[1:]], "%s leads nowhere, from %s", href, text(n))
		}
		require.Greater(t, links, 5000)
		require.Contains(t, text(doc.ids["model.xiaoe_ads.daily_overview"]), hostile)

		for _, c := range []struct{ section, query string }{
			{"dashboard.feiqiu", "select to_char(net_pay_amount, 'FM999,999,990.00') from feiqiu_ads.daily_overview order by business_date desc limit 12"},
			{"dashboard.feiqiu", "select to_char(net_amount, 'FM999,999,990.00') from feiqiu_ads.payment_mix"},
			{"dashboard.jushuitan", "select to_char(pay_amount, 'FM999,999,990.00') from jushuitan_ads.daily_sales order by order_date desc limit 12"},
			{"dashboard.xiaoe", "select to_char(pay_amount, 'FM999,999,990.00') from xiaoe_ads.daily_overview order by business_date desc limit 12"},
			{"dashboard.trading", "select to_char(total_assets, 'FM999,999,999,990.00') from trading_ads.asset_overview"},
			{"dashboard.crm", "select to_char(order_amount, 'FM999,999,999,990.00') from crm_ads.daily_overview order by day desc limit 12"},
			{"quality", "select to_char(total_in_dwd, 'FM999,999,990.00') from feiqiu_ads.quality_report where figure = 'pay_amount'"},
			{"quality", "select to_char(records_in_ods, 'FM999,990') from feiqiu_ads.quality_report"},
			{"sources", "select distinct stream from terrace.cursor"},
			{"home", "select command from terrace.run"},
		} {
			values := demotest.Collect(t, conn, c.query)
			require.NotEmpty(t, values, c.query)
			shown := text(doc.ids[c.section])
			for _, value := range values {
				require.Contains(t, shown, value, c.query)
			}
			require.NotContains(t, shown, "Not there yet")
		}
	}
}

// A table that no longer holds what was landed is told on the quality page, row by row, and what an assertion found there.
func TestFile_tellsWhatDiffers(t *testing.T) {
	t.Parallel()
	p := demotest.New(t)
	p.Run(0, "demo", "feiqiu", "--json", "--days", "8", "--later", "0")
	conn := p.Connect()
	_, err := conn.Exec(t.Context(), `delete from feiqiu_dwd.fact_refund where refund_id = (select min(refund_id) from feiqiu_dwd.fact_refund)`)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `update feiqiu_dwd.dim_member set nickname = $1`, hostile)
	require.NoError(t, err)
	p.Run(4, "test", "--database-url", p.URL(), "path:tests/feiqiu")
	// Two models fail; one of them leaves the project.
	for _, name := range []string{"stays", "leaves"} {
		require.NoError(t, os.WriteFile(filepath.Join(p.Dir, "models/feiqiu/ads", name+".sql"), []byte("-- depends_on: []\n-- kind: table\nselect 1 / 0 as x\n"), 0o644))
	}
	p.Run(1, "run", "--database-url", p.URL(), "feiqiu_ads.stays", "feiqiu_ads.leaves")
	require.NoError(t, os.Remove(filepath.Join(p.Dir, "models/feiqiu/ads/leaves.sql")))
	file := filepath.Join(p.Dir, "pages.html")
	p.Run(0, "docs", "--database-url", p.URL(), "--out", file)
	written, err := os.ReadFile(file)
	require.NoError(t, err)
	doc := parse(t, string(written))
	requireContained(t, doc, 1)
	quality := text(doc.ids["quality"])
	require.Contains(t, quality, "1 of 23 rows differ.")
	require.Contains(t, quality, "feiqiu.landed_equals_modelled")
	require.Contains(t, text(doc.ids["home"]), "feiqiu.landed_equals_modelled")
	require.Contains(t, text(doc.ids["assertion.feiqiu.landed_equals_modelled"]), "feiqiu_ods.refund_transactions")
	require.NotContains(t, text(doc.ids["home"]), "for example")
	require.Contains(t, text(doc.ids["home"]), "feiqiu_ads.stays")
	require.NotContains(t, text(doc.ids["home"]), "feiqiu_ads.leaves")
}
