package strict

import (
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// Pos is a place in a file, both from 1. The zero Pos means the file as a whole.
type Pos struct {
	Line int
	Col  int
}

// NodeKind is the shape of a node.
type NodeKind string

// The shapes of nodes; the value is the word that messages use.
const (
	Null     NodeKind = "nothing"
	Scalar   NodeKind = "a single value"
	Mapping  NodeKind = "a mapping"
	Sequence NodeKind = "a list"
)

// Node is one YAML value with its place. As a struct field it keeps the value as it was written, to be decoded later.
// Nodes of one document must not be decoded by several goroutines at once.
type Node struct {
	doc   *document
	node  ast.Node
	depth int
	key   string   // under which it stands, or under which the list stands whose item it is; "" for the document
	items int      // how many lists it is in below that key
	enum  []string // the legal texts of a scalar, or of a list's items; empty for any
}

// Unmarshaler is a type that reads its own node. Problems carry their place: Node.Problem makes them.
type Unmarshaler interface {
	UnmarshalNode(n Node) []Problem
}

// UnmarshalNode keeps the node itself.
func (n *Node) UnmarshalNode(src Node) []Problem {
	*n = src
	return nil
}

// IsZero reports whether the node was never set: its key is not in the document.
func (n Node) IsZero() bool { return n.doc == nil }

// Kind is the node's shape.
func (n Node) Kind() NodeKind {
	switch n.node.(type) {
	case nil, *ast.NullNode:
		return Null
	case *ast.MappingNode, *ast.MappingValueNode:
		return Mapping
	case *ast.SequenceNode:
		return Sequence
	default:
		return Scalar
	}
}

// Pos is the place of the node's first character.
func (n Node) Pos() Pos {
	if n.doc == nil {
		return Pos{}
	}
	return n.doc.pos(firstToken(n.node))
}

// Text is a scalar's text: what is between the quotes, or the source text of a number, bool or date. Other nodes have
// none. ${NAME} is not looked up.
func (n Node) Text() string {
	switch node := n.node.(type) {
	case nil, *ast.NullNode, *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode:
		return ""
	case *ast.LiteralNode:
		return node.Value.Value
	case *ast.StringNode:
		return node.Value
	default:
		return node.GetToken().Value
	}
}

// Quoted reports whether the scalar is in quotes or a block, so that its text is text whatever it looks like.
func (n Node) Quoted() bool {
	switch node := n.node.(type) {
	case *ast.LiteralNode:
		return true
	case *ast.StringNode:
		return node.Token.Type == token.SingleQuoteType || node.Token.Type == token.DoubleQuoteType
	default:
		return false
	}
}

// Problem is a mistake at the node's place.
func (n Node) Problem(message, hint string) Problem {
	return Problem{File: n.file(), Line: n.Pos().Line, Col: n.Pos().Col, Severity: Error, Message: message, Hint: hint}
}

func (n Node) file() string {
	if n.doc == nil {
		return ""
	}
	return n.doc.File
}

// Decode reads the node as Source.Decode reads a document.
func (n Node) Decode(into any) []Problem {
	if n.doc == nil {
		return nil
	}
	d := decoder{document: n.doc}
	d.decodeInto(n, into)
	return d.problems
}

// WithEnv is the node with another environment for ${NAME}.
func (n Node) WithEnv(env func(string) (string, bool)) Node {
	if n.doc != nil {
		doc := *n.doc
		doc.Env = env
		n.doc = &doc
	}
	return n
}

// Items yields a list's values.
func (n Node) Items() iter.Seq[Node] {
	return func(yield func(Node) bool) {
		list, ok := n.node.(*ast.SequenceNode)
		if !ok {
			return
		}
		for _, item := range list.Values {
			if !yield(n.item(item)) {
				return
			}
		}
	}
}

// Entries gives a mapping's keys in their order, with the keys that << merges in at the end, and the mistakes in the
// keys themselves: repeated ones, and such as are not plain text.
func (n Node) Entries() ([]Entry[Node], []Problem) {
	size := len(mappingValues(n.node))
	e := entryReader{entries: make([]Entry[Node], 0, size), seen: make(map[string]Pos, size)}
	e.read(n, false)
	for _, merged := range e.merges {
		e.read(merged, true)
	}
	return e.entries, e.problems
}

func (n Node) child(node ast.Node, key string) Node {
	return Node{doc: n.doc, node: n.doc.resolve(node), depth: n.depth + 1, key: key}
}

func (n Node) item(node ast.Node) Node {
	return Node{doc: n.doc, node: n.doc.resolve(node), depth: n.depth + 1, key: n.key, items: n.items + 1, enum: n.enum}
}

// label is what messages call the node.
func (n Node) label() string {
	if n.key == "" {
		return strings.Repeat("an item of ", n.items) + "the file"
	}
	return strings.Repeat("an item of ", n.items) + strconv.Quote(n.key)
}

// resolve looks through anchors and aliases.
func (doc *document) resolve(node ast.Node) ast.Node {
	for {
		switch n := node.(type) {
		case *ast.AnchorNode:
			node = n.Value
		case *ast.AliasNode:
			node = doc.aliases[n]
		default:
			return node
		}
	}
}

type entryReader struct {
	entries  []Entry[Node]
	seen     map[string]Pos
	merges   []Node
	problems []Problem
}

// read adds a mapping's entries. Those of a merged mapping give way to what is there.
func (e *entryReader) read(mapping Node, merged bool) {
	for _, v := range mappingValues(mapping.node) {
		if v.Key.IsMergeKey() {
			e.merge(mapping.child(v.Value, "<<"))
			continue
		}
		key, ok := keyText(v.Key)
		at := mapping.doc.pos(v.Key.GetToken())
		if !ok {
			e.problems = append(e.problems, mapping.doc.problem(at, "a key must be plain text", "write it as name: value"))
			continue
		}
		first, repeated := e.seen[key]
		switch {
		case repeated && merged:
		case repeated:
			e.problems = append(e.problems, mapping.doc.problem(at, fmt.Sprintf("key %q is repeated", key),
				fmt.Sprintf("it is first on line %d; keep one of them", first.Line)))
		default:
			e.seen[key] = at
			e.entries = append(e.entries, Entry[Node]{Key: key, Pos: at, Value: mapping.child(v.Value, key)})
		}
	}
}

func (e *entryReader) merge(n Node) {
	if n.depth > maxDepth {
		return // decoding the values reports the depth
	}
	switch n.Kind() {
	case Mapping:
		e.merges = append(e.merges, n)
	case Sequence:
		for item := range n.Items() {
			e.merge(item)
		}
	default:
		e.problems = append(e.problems, n.Problem("<< wants a mapping", "write <<: *name, where &name marks a mapping"))
	}
}

func mappingValues(node ast.Node) []*ast.MappingValueNode {
	switch n := node.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	default:
		return nil
	}
}

func keyText(key ast.MapKeyNode) (string, bool) {
	switch k := key.(type) {
	case *ast.StringNode:
		return k.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		return k.GetToken().Value, true
	default:
		return "", false
	}
}

// firstToken is the token at which people see a node begin; the parser's own token of a mapping is its first colon.
func firstToken(node ast.Node) *token.Token {
	switch n := node.(type) {
	case nil:
		return nil
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return firstToken(n.Values[0].Key)
		}
		return n.GetToken()
	case *ast.MappingValueNode:
		return firstToken(n.Key)
	default:
		return n.GetToken()
	}
}
