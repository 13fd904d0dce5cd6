package site

import (
	"cmp"
	"html/template"
	"slices"
)

// box is a node of a diagram: what is read stands to the left of what reads it.
type box struct {
	ID     string
	Name   string // as it is written in the box
	Title  string // as it is told in full
	Href   string
	Class  string
	layer  int
	row    float64 // place in the layer
	y      float64
	dummy  bool
	after  []*box
	before []*box
}

// The measures of diagrams.
const (
	boxWidth, boxHeight   = 212, 28
	boxGap, rowGap        = 56, 10
	placeHeight, placeGap = 0, 9
	boxColumns            = 27 // of text
)

// height is that of a box; a place that an edge passes through needs none.
func (b *box) height() float64 {
	if b.dummy {
		return placeHeight
	}
	return boxHeight
}

func (b *box) gap() float64 {
	if b.dummy {
		return placeGap
	}
	return rowGap
}

// layout puts boxes into layers by their longest path from the left and orders each layer by where its neighbours are. Edges
// go from what is read to who reads. A long edge passes through a place of its own in each layer between.
func layout(boxes []*box, edges [][2]string) [][]*box {
	byID := map[string]*box{}
	for _, b := range boxes {
		byID[b.ID] = b
	}
	for _, e := range edges {
		from, to := byID[e[0]], byID[e[1]]
		if from != nil && to != nil && from != to {
			from.after, to.before = append(from.after, to), append(to.before, from)
		}
	}
	sortLayers(boxes)
	layers := fillLayers(boxes)
	for sweep := range 6 {
		for i := range layers {
			if sweep%2 == 1 {
				i = len(layers) - 1 - i
			}
			neighbours := func(b *box) []*box { return b.before }
			if sweep%2 == 1 {
				neighbours = func(b *box) []*box { return b.after }
			}
			arrange(layers[i], neighbours)
		}
	}
	return layers
}

// sortLayers gives each box the length of the longest path to it. A graph of a project has no cycles; one of something
// else would end the walk after as many rounds as it has boxes.
func sortLayers(boxes []*box) {
	for range boxes {
		moved := false
		for _, b := range boxes {
			for _, next := range b.after {
				if next.layer <= b.layer {
					next.layer, moved = b.layer+1, true
				}
			}
		}
		if !moved {
			break
		}
	}
	// What only feeds what is far to the right stands close to it.
	for _, b := range slices.Backward(boxes) {
		if len(b.before) > 0 || len(b.after) == 0 {
			continue
		}
		nearest := b.after[0].layer
		for _, next := range b.after {
			nearest = min(nearest, next.layer)
		}
		b.layer = max(b.layer, nearest-1)
	}
}

// fillLayers gathers the layers, with places for long edges.
func fillLayers(boxes []*box) [][]*box {
	deepest := 0
	for _, b := range boxes {
		deepest = max(deepest, b.layer)
	}
	layers := make([][]*box, deepest+1)
	for _, b := range boxes {
		layers[b.layer] = append(layers[b.layer], b)
	}
	for _, b := range boxes {
		for i, next := range b.after {
			from := b
			for layer := b.layer + 1; layer < next.layer; layer++ {
				place := &box{ID: b.ID, layer: layer, dummy: true, before: []*box{from}}
				layers[layer] = append(layers[layer], place)
				if from == b {
					b.after[i] = place
				} else {
					from.after = []*box{place}
				}
				from = place
			}
			if from != b {
				from.after = []*box{next}
				next.before[slices.Index(next.before, b)] = from
			}
		}
	}
	for _, layer := range layers {
		for i, b := range layer {
			b.row = float64(i)
		}
	}
	return layers
}

// arrange orders a layer by the mean row of its boxes' neighbours.
func arrange(layer []*box, neighbours func(*box) []*box) {
	mean := map[*box]float64{}
	for _, b := range layer {
		mean[b] = b.row
		if near := neighbours(b); len(near) > 0 {
			sum := 0.0
			for _, n := range near {
				sum += n.row
			}
			mean[b] = sum / float64(len(near))
		}
	}
	slices.SortStableFunc(layer, func(a, b *box) int { return cmp.Compare(mean[a], mean[b]) })
	for i, b := range layer {
		b.row = float64(i)
	}
}

// diagram draws boxes and edges. The boxes are links in the order of reading, layer by layer.
func diagram(name string, boxes []*box, edges [][2]string) template.HTML {
	layers := layout(boxes, edges)
	tallest := 0.0
	heights := make([]float64, len(layers))
	for i, layer := range layers {
		for _, b := range layer {
			b.y = heights[i]
			heights[i] += b.height() + b.gap()
		}
		tallest = max(tallest, heights[i])
	}
	for i, layer := range layers { // each stands in the middle
		for _, b := range layer {
			b.y += 2 + (tallest-heights[i])/2
		}
	}
	d := newDiagram("lineage", name, float64(len(layers)*(boxWidth+boxGap)-boxGap+4), tallest+4)
	x := func(b *box) float64 { return float64(2 + b.layer*(boxWidth+boxGap)) }
	middle := func(b *box) float64 { return b.y + b.height()/2 }
	for _, layer := range layers {
		for _, b := range layer {
			if b.dummy {
				d.addf(`<path class="edge" d="M%.0f %.0fH%.0f"/>`, x(b), middle(b), x(b)+boxWidth)
			}
			for _, next := range b.after {
				x1, y1, x2, y2 := x(b)+boxWidth, middle(b), x(next), middle(next)
				d.addf(`<path class="edge" d="M%.0f %.0fC%.0f %.0f %.0f %.0f %.0f %.0f"/>`, x1, y1, x1+boxGap/2, y1, x2-boxGap/2, y2, x2, y2)
			}
		}
	}
	for _, layer := range layers {
		for _, b := range layer {
			if b.dummy {
				continue
			}
			d.addf(`<a href="%s"><title>%s</title><rect class="box %s" x="%.0f" y="%.0f" width="%d" height="%d" rx="4"/>`, b.Href, b.Title, b.Class, x(b), b.y, boxWidth, boxHeight)
			d.addf(`<text class="name" x="%.0f" y="%.0f">%s</text></a>`, x(b)+9, b.y+18.5, cutName(b.Name, boxColumns))
		}
	}
	return d.done()
}
