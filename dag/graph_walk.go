package dag

import "container/heap"

// unlimited is the number of steps of a walk that goes as far as there are edges.
const unlimited = -1

// nodeSet marks positions of a graph's nodes.
type nodeSet []bool

func (g *Graph) newSet() nodeSet { return make(nodeSet, len(g.nodes)) }

func (g *Graph) everything() nodeSet {
	all := g.newSet()
	for i := range all {
		all[i] = true
	}
	return all
}

func (s nodeSet) add(other nodeSet) {
	for i, in := range other {
		s[i] = s[i] || in
	}
}

func (s nodeSet) keep(other nodeSet) {
	for i, in := range other {
		s[i] = s[i] && in
	}
}

func (s nodeSet) remove(other nodeSet) {
	for i, in := range other {
		s[i] = s[i] && !in
	}
}

func (s nodeSet) count() int {
	n := 0
	for _, in := range s {
		if in {
			n++
		}
	}
	return n
}

func (s nodeSet) positions() []int {
	list := make([]int, 0, s.count())
	for i, in := range s {
		if in {
			list = append(list, i)
		}
	}
	return list
}

func (s nodeSet) names(g *Graph) []string { return g.names(s.positions()) }

// walk returns start and all that can be reached from it over edges in that many steps.
func (g *Graph) walk(start nodeSet, edges [][]int, steps int) nodeSet {
	seen := g.newSet()
	seen.add(start)
	frontier := start.positions()
	for step := 0; len(frontier) > 0 && (steps == unlimited || step < steps); step++ {
		var next []int
		for _, i := range frontier {
			for _, j := range edges[i] {
				if !seen[j] {
					seen[j] = true
					next = append(next, j)
				}
			}
		}
		frontier = next
	}
	return seen
}

// measure fills in depth, height and order.
func (g *Graph) measure() {
	g.depth = longestPaths(g.parents, g.children)
	g.height = longestPaths(g.children, g.parents)
	g.order = g.sort()
}

// longestPaths returns for each node the number of edges on the longest path over the edges towards; back is the same
// edges the other way. Nodes on a cycle, or behind one, have 0.
func longestPaths(towards, back [][]int) []int {
	longest := make([]int, len(towards))
	left := make([]int, len(towards))
	var ready []int
	for i := range towards {
		if left[i] = len(towards[i]); left[i] == 0 {
			ready = append(ready, i)
		}
	}
	for len(ready) > 0 {
		i := ready[len(ready)-1]
		ready = ready[:len(ready)-1]
		for _, j := range back[i] {
			longest[j] = max(longest[j], longest[i]+1)
			if left[j]--; left[j] == 0 {
				ready = append(ready, j)
			}
		}
	}
	for i := range longest {
		if left[i] > 0 {
			longest[i] = 0
		}
	}
	return longest
}

func (g *Graph) sort() []int {
	order := make([]int, 0, len(g.nodes))
	placed := g.newSet()
	left := make([]int, len(g.nodes))
	ready := &readyList{height: g.height}
	for i := range g.nodes {
		if left[i] = len(g.parents[i]); left[i] == 0 {
			ready.positions = append(ready.positions, i)
		}
	}
	heap.Init(ready)
	for ready.Len() > 0 {
		i := heap.Pop(ready).(int)
		order, placed[i] = append(order, i), true
		for _, j := range g.children[i] {
			if left[j]--; left[j] == 0 {
				heap.Push(ready, j)
			}
		}
	}
	g.knotted = len(order) < len(g.nodes)
	for i := range g.nodes {
		if !placed[i] {
			order = append(order, i)
		}
	}
	return order
}

// readyList is a heap of the nodes that could come next: longest remaining path first, then by name.
type readyList struct {
	positions []int
	height    []int
}

func (r *readyList) Len() int { return len(r.positions) }

func (r *readyList) Less(a, b int) bool {
	i, j := r.positions[a], r.positions[b]
	if r.height[i] != r.height[j] {
		return r.height[i] > r.height[j]
	}
	return i < j
}

func (r *readyList) Swap(a, b int) { r.positions[a], r.positions[b] = r.positions[b], r.positions[a] }

func (r *readyList) Push(x any) { r.positions = append(r.positions, x.(int)) }

func (r *readyList) Pop() any {
	last := r.positions[len(r.positions)-1]
	r.positions = r.positions[:len(r.positions)-1]
	return last
}
