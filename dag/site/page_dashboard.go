package site

import (
	"cmp"
	"html/template"
	"math/big"
	"slices"

	"github.com/terrace-elt/terrace/dag/model"
)

// dashboardPage is the figures of one domain.
type dashboardPage struct {
	Domain string
	Tiles  []shownFigure // numbers
	Charts []shownFigure // the rest
}

func (s *Site) dashboard(v *view) (body, error) {
	p := dashboardPage{Domain: v.name}
	if !slices.Contains(v.index.dashboards, v.name) {
		return body{}, notFound(v.T("No such dashboard."))
	}
	all, err := v.figures(func(f Figure) bool { return f.Domain == v.name && f.Page == model.PageDashboard })
	if err != nil {
		return body{}, err
	}
	for _, f := range all {
		if f.Chart == model.ChartNumber {
			p.Tiles = append(p.Tiles, f)
		} else {
			p.Charts = append(p.Charts, f)
		}
	}
	return body{Title: v.T("Dashboard") + " " + v.name, Template: "dashboard", Data: p}, nil
}

// dashboards lists those that there are.
func (s *Site) dashboards(v *view) (body, error) {
	return body{Title: v.T("Dashboards"), Template: "dashboards", Data: v.index.dashboards}, nil
}

// shownFigure is a figure as a page shows it.
type shownFigure struct {
	rows
	Heading string
	Unit    string
	Picture template.HTML
	// Legend has a name for each series, where there are several.
	Legend []string
	Head   []string
	// Numbers says which columns are written to the right.
	Numbers []bool
	Table   []shownRow
	Marked  int
	// Value is a number's, At its x, Before the value of the row before it, and Turn says where it went: up, down, even, or "".
	Value, At, Before, Turn string
}

// shownRow is a row with its values as they are written.
type shownRow struct {
	Cells  []string
	Marked bool
}

// figures reads and draws those that are wanted, in their order.
func (v *view) figures(wanted func(Figure) bool) ([]shownFigure, error) {
	var chosen []Figure
	for _, f := range v.project.Figures {
		if wanted(f) {
			chosen = append(chosen, f)
		}
	}
	slices.SortStableFunc(chosen, func(a, b Figure) int { return cmp.Compare(a.Order, b.Order) })
	var out []shownFigure
	for _, f := range chosen {
		found, err := f.read(v.ctx, v.tx)
		if err != nil {
			return nil, err
		}
		out = append(out, show(found, v.Lang))
	}
	return out, nil
}

// show writes and draws the rows of a figure.
func show(r rows, lang Lang) shownFigure {
	s := shownFigure{rows: r, Heading: title(r.Figure, lang), Unit: unit(r.Figure, lang)}
	if r.Missing != "" {
		return s
	}
	s.fillTable(lang)
	if len(r.Rows) == 0 || r.Chart == model.ChartTable {
		return s
	}
	c := newChart(r, lang)
	if len(c.names) > 1 {
		s.Legend = c.names
	}
	switch r.Chart {
	case model.ChartLine:
		s.Picture = c.line()
	case model.ChartBar:
		s.Picture = c.bars()
	case model.ChartNumber:
		s.fillNumber(c)
	}
	return s
}

func (s *shownFigure) fillTable(lang Lang) {
	hidden := -1 // what marks rows is seen by the marks
	if !slices.ContainsFunc(s.Y, func(y model.Shown) bool { return y.Column == s.OK }) && len(s.Y) > 0 {
		hidden = s.index(s.OK)
	}
	for i, column := range s.Columns {
		if i == hidden {
			continue
		}
		look := s.look(column)
		s.Head = append(s.Head, label(look, lang))
		s.Numbers = append(s.Numbers, false)
	}
	for _, row := range s.Rows {
		shown := shownRow{Marked: s.marked(row)}
		for i, value := range row {
			if i == hidden {
				continue
			}
			look := s.look(s.Columns[i])
			if value != nil && decimal(*value) && look.Format != model.FormatPlain {
				s.Numbers[len(shown.Cells)] = true
			}
			shown.Cells = append(shown.Cells, cell(value, look.Format, lang))
		}
		if shown.Marked {
			s.Marked++
		}
		s.Table = append(s.Table, shown)
	}
}

// cell is a value of a table. Without a format numbers are grouped, whatever they count.
func cell(value *string, format model.Format, lang Lang) string {
	if value != nil && format == "" {
		switch *value {
		case "t":
			return "✓"
		case "f":
			return "✗"
		}
		format = model.FormatNumber
	}
	return formatted(value, format)
}

// fillNumber takes the last row, and the one before it to compare.
func (s *shownFigure) fillNumber(c *chart) {
	last := c.Rows[len(c.Rows)-1]
	if len(c.Sort) > 0 || c.X == nil {
		last = c.Rows[0]
	}
	s.Value = c.written(last, 0)
	if c.X == nil {
		return
	}
	s.At = c.x(last)
	if len(c.Rows) < 2 || len(c.Sort) > 0 {
		return
	}
	before := c.Rows[len(c.Rows)-2]
	s.Before = c.written(before, 0) + " (" + c.x(before) + ")"
	at := c.index(c.Y[0].Column)
	if last[at] != nil && before[at] != nil {
		now, isNumber := new(big.Rat).SetString(*last[at])
		then, wasNumber := new(big.Rat).SetString(*before[at])
		if isNumber && wasNumber {
			s.Turn = []string{"down", "even", "up"}[now.Cmp(then)+1]
		}
	}
	s.Picture = c.spark()
}
