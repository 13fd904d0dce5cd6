package dag

import "slices"

// maxCycles bounds what is reported of a project that is knotted beyond reading.
const maxCycles = 100

// cycles returns, for every dependency that lies on a cycle, the shortest cycle through it, each once and begun at its
// smallest name. Every node of a cycle depends on the next, the last on the first.
func (g *Graph) cycles() [][]*Node {
	if !g.knotted {
		return nil
	}
	component := g.components()
	type edge struct{ from, to int }
	covered := map[edge]bool{}
	var found [][]*Node
	for from := range g.nodes {
		for _, to := range g.parents[from] {
			if component[from] != component[to] || covered[edge{from, to}] || len(found) == maxCycles {
				continue
			}
			cycle := g.shortestPath(to, from)
			for i := range cycle {
				covered[edge{cycle[i], cycle[(i+1)%len(cycle)]}] = true
			}
			found = append(found, g.pick(rotate(cycle)))
		}
	}
	return found
}

// shortestPath returns the nodes from one node up to another, both included; there must be a path.
func (g *Graph) shortestPath(from, to int) []int {
	cameFrom := map[int]int{from: from}
	for queue := []int{from}; len(queue) > 0; queue = queue[1:] {
		i := queue[0]
		if i == to {
			break
		}
		for _, j := range g.parents[i] {
			if _, seen := cameFrom[j]; !seen {
				cameFrom[j] = i
				queue = append(queue, j)
			}
		}
	}
	path := []int{to}
	for i := to; i != from; i = cameFrom[i] {
		path = append(path, cameFrom[i])
	}
	slices.Reverse(path)
	return path
}

func rotate(cycle []int) []int {
	start := slices.Index(cycle, slices.Min(cycle))
	return slices.Concat(cycle[start:], cycle[:start])
}

// components numbers the strongly connected components (Tarjan): two nodes have the same number when each can be
// reached from the other.
func (g *Graph) components() []int {
	t := &tarjan{
		parents:   g.parents,
		visited:   make([]int, len(g.nodes)),
		low:       make([]int, len(g.nodes)),
		component: make([]int, len(g.nodes)),
	}
	for i := range g.nodes {
		if t.visited[i] == 0 {
			t.visit(i)
		}
	}
	return t.component
}

type tarjan struct {
	parents   [][]int
	visited   []int // order of the first visit, from 1; 0 before it
	low       []int // the earliest visited node that is known to be reachable
	component []int // from 1; 0 while the node is on the stack
	stack     []int
	clock     int
	count     int
}

func (t *tarjan) visit(i int) {
	t.clock++
	t.visited[i], t.low[i] = t.clock, t.clock
	t.stack = append(t.stack, i)
	for _, j := range t.parents[i] {
		switch {
		case t.visited[j] == 0:
			t.visit(j)
			t.low[i] = min(t.low[i], t.low[j])
		case t.component[j] == 0:
			t.low[i] = min(t.low[i], t.visited[j])
		}
	}
	if t.low[i] != t.visited[i] {
		return
	}
	t.count++
	for {
		top := t.stack[len(t.stack)-1]
		t.stack = t.stack[:len(t.stack)-1]
		t.component[top] = t.count
		if top == i {
			return
		}
	}
}
