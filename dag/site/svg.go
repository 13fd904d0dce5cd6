package site

import (
	"fmt"
	"html"
	"html/template"
	"strings"
	"unicode"
)

// drawing is an SVG that grows. All text in it is escaped here; numbers are its own.
type drawing struct {
	b strings.Builder
}

// newDrawing begins an image with a name for those who do not see it. It scales to the width there is.
func newDrawing(class, name string, width, height float64) *drawing {
	d := &drawing{}
	d.addf(`<svg class="%s" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img" aria-label="%s">`, class, width, height, width, height, name)
	return d
}

// newDiagram begins an image whose parts are links: it is a group, so that they are reached one by one.
func newDiagram(class, name string, width, height float64) *drawing {
	d := &drawing{}
	d.addf(`<svg class="%s" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="group" aria-label="%s">`, class, width, height, width, height, name)
	return d
}

// addf writes a piece; texts among the arguments are escaped.
func (d *drawing) addf(format string, args ...any) {
	for i, a := range args {
		if text, ok := a.(string); ok {
			args[i] = html.EscapeString(text)
		}
	}
	fmt.Fprintf(&d.b, format, args...)
}

func (d *drawing) done() template.HTML {
	d.b.WriteString("</svg>")
	return template.HTML(d.b.String()) //nolint:gosec // every text went through addf
}

// wide is how many columns a character takes: those of Chinese take two.
func wide(r rune) int {
	if unicode.In(r, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana) || r >= 0xFF00 && r <= 0xFF60 || r >= 0x3000 && r <= 0x303F {
		return 2
	}
	return 1
}

// cut shortens a text to so many columns.
func cut(text string, columns int) string {
	width := 0
	for i, r := range text {
		width += wide(r)
		if width > columns {
			return strings.TrimRight(text[:i], " ") + "…"
		}
	}
	return text
}

// cutName shortens a name in its middle: names of one family begin alike.
func cutName(name string, most int) string {
	if columns(name) <= most {
		return name
	}
	runes := []rune(name)
	from, kept := len(runes), 0
	for from > 0 && kept+wide(runes[from-1]) <= most/3 {
		from--
		kept += wide(runes[from])
	}
	return cut(name, most-kept-1) + string(runes[from:])
}

// columns is how many a text takes.
func columns(text string) int {
	width := 0
	for _, r := range text {
		width += wide(r)
	}
	return width
}
