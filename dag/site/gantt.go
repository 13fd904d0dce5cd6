package site

import (
	"html/template"
	"math"
	"time"
)

// bar is a step of a run in time.
type bar struct {
	Name    string
	Title   string
	Href    string
	Status  string
	Started time.Time
	Seconds float64
}

// The measures of a run's drawing.
const (
	ganttWidth, ganttLeft, ganttRow = 960, 300, 20
	// ganttMost is how many steps are drawn: the table below has all.
	ganttMost = 400
	// ganttTall is from how many on they are scrolled by themselves.
	ganttTall = 60
)

// gantt draws steps in the order in which they began.
func gantt(name string, bars []bar, lang Lang) template.HTML {
	if len(bars) == 0 {
		return ""
	}
	bars = bars[:min(len(bars), ganttMost)]
	begin, end := bars[0].Started, bars[0].Started
	for _, b := range bars {
		if b.Started.Before(begin) {
			begin = b.Started
		}
		if stop := b.Started.Add(time.Duration(b.Seconds * float64(time.Second))); stop.After(end) {
			end = stop
		}
	}
	total := math.Max(end.Sub(begin).Seconds(), 0.001)
	_, most, step := niceScale(0, total, 0)
	height := float64(len(bars)*ganttRow + 34)
	d := newDiagram("gantt", name, ganttWidth, height)
	at := func(seconds float64) float64 { return ganttLeft + (ganttWidth-ganttLeft-40)*seconds/most }
	for v := 0.0; v <= most+step/2; v += step {
		d.addf(`<line class="grid" x1="%.1f" y1="22" x2="%.1f" y2="%.0f"/>`, at(v), at(v), height-4)
		d.addf(`<text class="tick" x="%.1f" y="14" text-anchor="middle">%s</text>`, at(v), duration(v, lang))
	}
	for i, b := range bars {
		y := float64(i*ganttRow + 28)
		from := b.Started.Sub(begin).Seconds()
		d.addf(`<a href="%s"><title>%s</title><text class="name" x="%d" y="%.1f" text-anchor="end">%s</text>`, b.Href, b.Title, ganttLeft-10, y+11, cutName(b.Name, 42))
		d.addf(`<rect class="bar %s" x="%.1f" y="%.1f" width="%.1f" height="14" rx="2"/></a>`, "st-"+b.Status, at(from), y, math.Max(at(from+b.Seconds)-at(from), 2))
	}
	return d.done()
}
