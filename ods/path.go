package ods

import (
	"fmt"
	"strings"
)

// parsePath splits a path below a record's root into names: "$.data.id", "$['a.b'].id". "$" is the record itself.
func parsePath(path string) ([]string, error) {
	rest, ok := strings.CutPrefix(path, "$")
	if !ok {
		return nil, fmt.Errorf("path %q: must begin with $", path)
	}
	var names []string
	for rest != "" {
		name, after, ok := nextName(rest)
		if !ok {
			return nil, fmt.Errorf("path %q: expected .name or ['name'] at %q", path, rest)
		}
		names = append(names, name)
		rest = after
	}
	return names, nil
}

func nextName(text string) (name, rest string, ok bool) {
	if text[0] == '.' {
		end := strings.IndexAny(text[1:], ".[")
		if end < 0 {
			end = len(text) - 1
		}
		return text[1 : 1+end], text[1+end:], end > 0
	}
	for _, quote := range []string{"'", `"`} {
		if inner, found := strings.CutPrefix(text, "["+quote); found {
			return strings.Cut(inner, quote+"]")
		}
	}
	return "", "", false
}

// pathNode is one step of the wanted paths, merged into a tree so that a record is walked once for all of them.
type pathNode struct {
	name     string
	wanted   []int // the paths that end here
	children []*pathNode
}

func newPathTree(paths [][]string) *pathNode {
	root := &pathNode{}
	for i, names := range paths {
		node := root
		for _, name := range names {
			node = node.addChild(name)
		}
		node.wanted = append(node.wanted, i)
	}
	return root
}

func (n *pathNode) addChild(name string) *pathNode {
	for _, child := range n.children {
		if child.name == name {
			return child
		}
	}
	child := &pathNode{name: name}
	n.children = append(n.children, child)
	return child
}

// child is the step below n with this name, nil where no wanted path goes. A nil node has no steps.
func (n *pathNode) child(name []byte) *pathNode {
	if n == nil {
		return nil
	}
	for _, child := range n.children {
		if child.name == string(name) {
			return child
		}
	}
	return nil
}
