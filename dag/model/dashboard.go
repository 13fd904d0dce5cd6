package model

import (
	"fmt"
	"slices"
	"strings"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

// Figure is one entry of the header key "dashboard": rows of the relation as a page shows them.
type Figure struct {
	Title, TitleZh string
	Page           Page
	Chart          Chart
	X              *Shown  // nil where there is none
	Y              []Shown // none for all columns of a table
	Unit, UnitZh   string  // what the values of Y are counted in, or ""
	Sort           []Sorting
	Limit          int    // rows at most
	OK             string // boolean column: rows for which it is not true are marked; "" for none
	Order          int    // figures of lower order stand first
	Line           int
}

// Page says on which page a figure stands.
type Page string

// The pages of figures.
const (
	PageDashboard Page = "dashboard" // that of the model's domain
	PageQuality   Page = "quality"
)

// Chart is how rows are shown.
type Chart string

// The charts. All but the table are drawn, and have their rows as a table below.
const (
	ChartNumber Chart = "number" // the value of the last row, and how it came there
	ChartLine   Chart = "line"
	ChartBar    Chart = "bar"
	ChartTable  Chart = "table"
)

// Format is how a number is written.
type Format string

// The formats.
const (
	FormatNumber  Format = "number"  // 1,204.5, with the digits that it has
	FormatMoney   Format = "money"   // 1,204.50
	FormatPercent Format = "percent" // 0.125 as 12.5 %
	FormatPlain   Format = "plain"   // as it stands: an id, a year
)

// Shown is a column that a figure shows.
type Shown struct {
	Column         string
	Label, LabelZh string
	Format         Format
}

// Sorting is a column that rows are ordered by.
type Sorting struct {
	Column     string
	Descending bool
}

// Domain is the folder below models/ that a file of the project belongs to, or "".
func Domain(file string) string {
	rest, ok := strings.CutPrefix(file, modelsFolder+"/")
	domain, _, deeper := strings.Cut(rest, "/")
	if !ok || !deeper {
		return ""
	}
	return domain
}

// figureFile is a figure as it is written.
type figureFile struct {
	Title   strict.String `yaml:"title,required"`
	TitleZh string        `yaml:"title_zh"`
	Page    string        `yaml:"page" enum:"dashboard,quality"`
	Chart   string        `yaml:"chart" enum:"number,line,bar,table"`
	X       shownFile     `yaml:"x"`
	Y       shownFile     `yaml:"y"`
	Unit    string        `yaml:"unit"`
	UnitZh  string        `yaml:"unit_zh"`
	Format  string        `yaml:"format" enum:"number,money,percent,plain"`
	Sort    []string      `yaml:"sort"`
	Limit   *int          `yaml:"limit"`
	OK      string        `yaml:"ok"`
	Order   int           `yaml:"order"`
	at      strict.Pos
}

// UnmarshalNode keeps the place.
func (f *figureFile) UnmarshalNode(n strict.Node) []Problem {
	type plain figureFile
	problems := n.Decode((*plain)(f))
	f.at = n.Pos()
	return problems
}

// shownFile is columns by name, or a mapping from them to how they are shown.
type shownFile []Shown

// UnmarshalNode reads either form.
func (s *shownFile) UnmarshalNode(n strict.Node) []Problem {
	if n.Kind() != strict.Mapping {
		var names []string
		problems := n.Decode(&names)
		for _, name := range names {
			*s = append(*s, Shown{Column: name})
		}
		return problems
	}
	var labelled strict.Map[struct {
		Label   string `yaml:"label"`
		LabelZh string `yaml:"label_zh"`
		Format  string `yaml:"format" enum:"number,money,percent,plain"`
	}]
	problems := n.Decode(&labelled)
	for _, l := range labelled {
		*s = append(*s, Shown{Column: l.Key, Label: l.Value.Label, LabelZh: l.Value.LabelZh, Format: Format(l.Value.Format)})
	}
	return problems
}

// defaultLimits is how many rows a chart shows where the header does not say.
var defaultLimits = map[Chart]int{ChartNumber: 30, ChartLine: 60, ChartBar: 15, ChartTable: 20} //nolint:gochecknoglobals // a table

// mostRows bounds what a page shows of one relation.
const mostRows = 1000

func figures(written []figureFile) []Figure {
	var out []Figure
	for _, w := range written {
		f := Figure{
			Title: w.Title.Value, TitleZh: w.TitleZh, Unit: w.Unit, UnitZh: w.UnitZh, OK: w.OK, Order: w.Order, Line: w.at.Line,
			Page: Page(or(w.Page, string(PageDashboard))), Chart: Chart(or(w.Chart, string(ChartTable))),
		}
		for _, y := range w.Y {
			y.Format = Format(or(string(y.Format), w.Format))
			f.Y = append(f.Y, y)
		}
		if len(w.X) > 0 {
			f.X = &w.X[0]
		}
		for _, s := range w.Sort {
			column, descending := strings.CutPrefix(s, "-")
			f.Sort = append(f.Sort, Sorting{Column: column, Descending: descending})
		}
		f.Limit = defaultLimits[f.Chart]
		if w.Limit != nil {
			f.Limit = *w.Limit
		}
		out = append(out, f)
	}
	return out
}

// checkDashboard refuses figures that could not be drawn. Whether the columns exist is seen when the model is compiled.
func (h *headerReader) checkDashboard(kind Kind) {
	for _, w := range h.written.Dashboard {
		if message, hint := w.wrong(kind); message != "" {
			h.fail(w.at, message, hint)
		}
	}
}

func (w figureFile) wrong(kind Kind) (message, hint string) {
	chart := Chart(or(w.Chart, string(ChartTable)))
	drawn := chart == ChartLine || chart == ChartBar
	switch {
	case kind == SQL:
		return "a model of kind sql has no rows of its own to show", "write the figure into a view that reads its target"
	case strings.TrimSpace(w.Title.Value) == "":
		return "a figure has a title", "write title: Paid per day"
	case len(w.X) > 1:
		return "x is one column", "leave one; y may be several"
	case drawn && len(w.X) == 0:
		return fmt.Sprintf("a %s chart has an x", chart), "write x: business_date, the column that its values stand over"
	case drawn && len(w.Y) == 0:
		return fmt.Sprintf("a %s chart has a y", chart), "write y: [pay_amount], the columns that it draws"
	case chart == ChartNumber && len(w.Y) != 1:
		return "a number is one column", "write y: pay_amount"
	case len(w.Y) > mostSeries && drawn:
		return fmt.Sprintf("a chart draws %d columns at most", mostSeries), "make two figures, or chart: table"
	case w.Limit != nil && (*w.Limit < 1 || *w.Limit > mostRows):
		return fmt.Sprintf("limit is %d", *w.Limit), fmt.Sprintf("write a number of rows from 1 to %d", mostRows)
	case w.OK != "" && chart != ChartTable:
		return "ok marks rows of a table", "write chart: table, or remove it"
	}
	seen := map[string]bool{}
	for _, c := range append(slices.Clone([]Shown(w.X)), w.Y...) {
		if seen[c.Column] {
			return fmt.Sprintf("the figure shows %q twice", c.Column), "remove one"
		}
		seen[c.Column] = true
	}
	return "", ""
}

// mostSeries is how many lines one can still tell apart, by colour and by dash.
const mostSeries = 5

// Columns are the names of the columns that the figure needs.
func (f Figure) Columns() []string {
	var out []string
	if f.X != nil {
		out = append(out, f.X.Column)
	}
	for _, y := range f.Y {
		out = append(out, y.Column)
	}
	for _, s := range f.Sort {
		out = append(out, s.Column)
	}
	if f.OK != "" {
		out = append(out, f.OK)
	}
	return out
}
