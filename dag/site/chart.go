package site

import (
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/terrace-elt/terrace/dag/model"
)

// chart is what is drawn of rows.
type chart struct {
	rows
	lang Lang
	// names are those of the columns drawn, in the reader's language.
	names []string
	low   float64
	high  float64
	step  float64
}

// The measures of charts, in the units of their drawing.
const (
	chartWidth, chartHeight = 640, 260
	chartLeft, chartRight   = 64, 40
	chartTop, chartBottom   = 10, 28
	rankMost, rankRight     = 26, 110 // columns of a name, room for a number
	manyDots                = 40
)

func newChart(r rows, lang Lang) *chart {
	c := &chart{rows: r, lang: lang}
	for _, y := range r.Y {
		c.names = append(c.names, label(y, lang))
	}
	least := 1.0 // of a step: what is counted has no halves
	for _, row := range r.Rows {
		for i := range r.Y {
			if v, ok := c.value(row, i); ok {
				if v != math.Trunc(v) {
					least = 0
				}
				c.low, c.high = math.Min(c.low, v), math.Max(c.high, v)
			}
		}
	}
	c.low, c.high, c.step = niceScale(c.low, c.high, least)
	return c
}

// label is the name of a column for people.
func label(s model.Shown, lang Lang) string {
	switch {
	case lang == Chinese && s.LabelZh != "":
		return s.LabelZh
	case s.Label != "":
		return s.Label
	default:
		return strings.ReplaceAll(s.Column, "_", " ")
	}
}

// value is the number of the series i in a row, for drawing; what is written is the server's own text.
func (c *chart) value(row []*string, i int) (float64, bool) {
	at := c.index(c.Y[i].Column)
	if at < 0 || row[at] == nil {
		return 0, false
	}
	v, err := strconv.ParseFloat(*row[at], 64)
	return v, err == nil && !math.IsNaN(v) && !math.IsInf(v, 0)
}

func (c *chart) written(row []*string, i int) string {
	return formatted(row[c.index(c.Y[i].Column)], c.Y[i].Format)
}

func (c *chart) x(row []*string) string {
	value := row[c.index(c.X.Column)]
	if value == nil {
		return "–"
	}
	return *value
}

// niceScale widens a range to round numbers, at most six of them, which are least apart or more.
func niceScale(low, high, least float64) (from, to, step float64) {
	if high <= low {
		high = low + 1
	}
	rough := (high - low) / 4
	size := math.Pow(10, math.Floor(math.Log10(rough)))
	step = 10 * size
	for _, m := range []float64{1, 2, 2.5, 5} {
		if m*size >= rough && m*size >= least && (m != 2.5 || least == 0 || size >= 10) {
			step = m * size
			break
		}
	}
	step = math.Max(step, least)
	return math.Floor(low/step) * step, math.Ceil(high/step) * step, step
}

func (c *chart) yAt(v float64) float64 {
	return chartTop + (chartHeight-chartTop-chartBottom)*(c.high-v)/(c.high-c.low)
}

// frame draws the grid with its numbers.
func (c *chart) frame(d *drawing) {
	var format model.Format
	if len(c.Y) > 0 {
		format = c.Y[0].Format
	}
	for v := c.low; v <= c.high+c.step/2; v += c.step {
		y := c.yAt(v)
		class := "grid"
		if math.Abs(v) < c.step/2 {
			class, v = "axis", 0
		}
		d.addf(`<line class="%s" x1="%d" y1="%.1f" x2="%d" y2="%.1f"/>`, class, chartLeft, y, chartWidth-chartRight, y)
		d.addf(`<text class="tick" x="%d" y="%.1f" text-anchor="end">%s</text>`, chartLeft-8, y+4, compact(v, format, c.lang))
	}
}

// xNames writes names below the axis, as many as have room, the last among them.
func (c *chart) xNames(d *drawing, at func(i int) float64) {
	longest := 1
	for _, row := range c.Rows {
		longest = max(longest, len(c.x(row)))
	}
	room := max(1, (chartWidth-chartLeft-chartRight)/(longest*7+14))
	every := (len(c.Rows) + room - 1) / room
	for i, row := range c.Rows {
		if (len(c.Rows)-1-i)%max(every, 1) != 0 {
			continue
		}
		d.addf(`<text class="tick" x="%.1f" y="%d" text-anchor="middle">%s</text>`, at(i), chartHeight-8, cut(c.x(row), 24))
	}
}

// places are the horizontal positions of the rows: by time where x is one, so that a day without a row is a gap, else
// evenly.
func (c *chart) places() func(i int) float64 {
	span := float64(chartWidth - chartLeft - chartRight)
	times := make([]float64, len(c.Rows))
	timed := len(c.Rows) > 1
	for i, row := range c.Rows {
		at, ok := moment(c.x(row))
		times[i], timed = at, timed && ok
	}
	if timed && times[len(times)-1] > times[0] {
		return func(i int) float64 { return chartLeft + span*(times[i]-times[0])/(times[len(times)-1]-times[0]) }
	}
	return func(i int) float64 { return chartLeft + span*(float64(i)+0.5)/float64(max(len(c.Rows), 1)) }
}

// moment reads a date or a timestamp as the server writes it.
func moment(text string) (float64, bool) {
	for _, layout := range []string{"2006-01-02", "2006-01-02 15:04:05Z07", "2006-01-02 15:04:05.999999Z07", "2006-01-02 15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil {
			return float64(t.Unix()), true
		}
	}
	return 0, false
}

func (c *chart) line() template.HTML {
	d := newDrawing("chart", title(c.Figure, c.lang), chartWidth, chartHeight)
	c.frame(d)
	at := c.places()
	c.xNames(d, at)
	size := 3.0
	if len(c.Rows) > manyDots {
		size = 2
	}
	for i := range c.Y {
		var path strings.Builder
		pen := "M"
		for n, row := range c.Rows {
			v, ok := c.value(row, i)
			if !ok {
				pen = "M" // a gap
				continue
			}
			path.WriteString(pen + strconv.FormatFloat(at(n), 'f', 1, 64) + " " + strconv.FormatFloat(c.yAt(v), 'f', 1, 64))
			pen = "L"
		}
		d.addf(`<path class="line s%d" d="%s"/>`, i+1, path.String())
		for n, row := range c.Rows {
			if v, ok := c.value(row, i); ok {
				d.addf(`<circle class="dot s%d" cx="%.1f" cy="%.1f" r="%.0f"><title>%s · %s: %s</title></circle>`, i+1, at(n), c.yAt(v), size, c.x(row), c.names[i], c.written(row, i))
			}
		}
	}
	return d.done()
}

// bars are drawn upright where x runs on, and lying where rows are ranked: names of things are long.
func (c *chart) bars() template.HTML {
	if len(c.Sort) > 0 {
		return c.ranks()
	}
	d := newDrawing("chart", title(c.Figure, c.lang), chartWidth, chartHeight)
	c.frame(d)
	band := float64(chartWidth-chartLeft-chartRight) / float64(max(len(c.Rows), 1))
	width := math.Min(band*0.8/float64(len(c.Y)), 60)
	middle := func(i int) float64 { return chartLeft + band*(float64(i)+0.5) }
	c.xNames(d, middle)
	for n, row := range c.Rows {
		for i := range c.Y {
			v, ok := c.value(row, i)
			if !ok || v == 0 {
				continue
			}
			x := middle(n) + width*(float64(i)-float64(len(c.Y))/2)
			top, bottom := c.yAt(math.Max(v, 0)), c.yAt(math.Min(v, 0))
			d.addf(`<rect class="bar s%d" x="%.1f" y="%.1f" width="%.1f" height="%.1f"><title>%s · %s: %s</title></rect>`,
				i+1, x, top, width*0.94, math.Max(bottom-top, 0.5), c.x(row), c.names[i], c.written(row, i))
		}
	}
	return d.done()
}

func (c *chart) ranks() template.HTML {
	each := float64(len(c.Y))*16 + 8
	d := newDrawing("chart", title(c.Figure, c.lang), chartWidth, float64(len(c.Rows))*each+8)
	longest, low, high := 0, 0.0, 0.0
	for _, row := range c.Rows {
		longest = max(longest, columns(cut(c.x(row), rankMost)))
		for i := range c.Y {
			if v, ok := c.value(row, i); ok {
				low, high = math.Min(low, v), math.Max(high, v)
			}
		}
	}
	if high == low {
		high = low + 1
	}
	left := float64(longest*7 + 16)
	at := func(v float64) float64 { return left + (chartWidth-rankRight-left)*(v-low)/(high-low) }
	for n, row := range c.Rows {
		top := float64(n)*each + 4
		d.addf(`<text class="name" x="%.0f" y="%.1f" text-anchor="end">%s<title>%s</title></text>`, left-8, top+each/2, cut(c.x(row), rankMost), c.x(row))
		for i := range c.Y {
			v, ok := c.value(row, i)
			if !ok {
				continue
			}
			from, to := at(math.Min(v, 0)), at(math.Max(v, 0))
			y := top + float64(i)*16
			d.addf(`<rect class="bar s%d" x="%.1f" y="%.1f" width="%.1f" height="14"><title>%s · %s: %s</title></rect>`,
				i+1, from, y, math.Max(to-from, 0.5), c.x(row), c.names[i], c.written(row, i))
			d.addf(`<text class="value" x="%.1f" y="%.1f">%s</text>`, to+6, y+11.5, c.written(row, i))
		}
	}
	return d.done()
}

// spark is the way of a number, without axes: the numbers are in the table below.
func (c *chart) spark() template.HTML {
	const width, height = 160, 36
	d := newDrawing("spark", title(c.Figure, c.lang), width, height)
	low, high := math.Inf(1), math.Inf(-1)
	for _, row := range c.Rows {
		if v, ok := c.value(row, 0); ok {
			low, high = math.Min(low, v), math.Max(high, v)
		}
	}
	if high <= low {
		high, low = low+1, low-1
	}
	pen := "M"
	var path strings.Builder
	for n, row := range c.Rows {
		v, ok := c.value(row, 0)
		if !ok {
			pen = "M"
			continue
		}
		x := 3 + (width-6)*float64(n)/float64(max(len(c.Rows)-1, 1))
		y := 3 + (height-6)*(high-v)/(high-low)
		path.WriteString(pen + strconv.FormatFloat(x, 'f', 1, 64) + " " + strconv.FormatFloat(y, 'f', 1, 64))
		pen = "L"
	}
	d.addf(`<path class="line s1" d="%s"/>`, path.String())
	return d.done()
}

// title is a figure's in the reader's language.
func title(f Figure, lang Lang) string {
	if lang == Chinese && f.TitleZh != "" {
		return f.TitleZh
	}
	return f.Title
}

func unit(f Figure, lang Lang) string {
	if lang == Chinese && f.UnitZh != "" {
		return f.UnitZh
	}
	return f.Unit
}
