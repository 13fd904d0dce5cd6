package strict

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// The limits keep a hostile or runaway file from holding the program. The parser's time grows with the square of the
// number of tokens, so these are far above what people write and still answer within seconds.
const (
	maxBytes  = 10 << 20
	maxTokens = 100_000
	maxDepth  = 100
	// maxValues bounds what aliases can multiply one document into.
	maxValues = 200_000
)

// Source is YAML text and the place where it stands in a file.
type Source struct {
	File string // path inside the project, with slashes
	Text []byte // one YAML document; a byte order mark and CRLF are fine
	Line int    // line of the file on which Text begins, from 1; 0 means 1
	Col  int    // characters of the file to the left of Text, on every line
	// Env looks up a name for ${NAME} in values. With a nil Env such text stays as it is.
	Env func(string) (string, bool)
}

// Decode reads a whole file into the struct, map or slice that into points at, without ${NAME}. See Source.Decode.
func Decode(file string, text []byte, into any) []Problem {
	return Source{File: file, Text: text}.Decode(into)
}

// Decode reads the document into the variable that into points at and returns every mistake, sorted by place. What is
// well formed is filled in even when there are problems. Values already in the variable are defaults: only keys that
// the document has are set.
//
// Struct fields are matched by their tag: `yaml:"name"`, with `yaml:"name,required"` for a key that must be there. A
// field without a tag is left alone, an embedded struct without a tag has its keys read as the outer one's, and
// `enum:"a,b"` lists the legal values of a text or of each item of a list of texts. Fields may be string (a number,
// bool or date keeps its source text), bool, integers, floats, time.Duration (see ParseFixed), structs, pointers, slices
// (one value stands for a list of one), maps with string keys, any, Node, and types that are Unmarshalers.
func (s Source) Decode(into any) []Problem {
	doc := &document{Source: s}
	root, problems := doc.parse()
	if len(problems) == 0 {
		d := decoder{document: doc}
		d.document.values = maxValues
		d.decodeRoot(root, into)
		problems = d.problems
	}
	return Sort(problems)
}

// document is a parsed Source: what its nodes share.
type document struct {
	Source
	aliases map[*ast.AliasNode]ast.Node
	values  int // how many more values may be read
	quotes  insertions
}

// parse gives the document's only value, nil when there is none.
func (doc *document) parse() (ast.Node, []Problem) {
	text := bytes.TrimPrefix(doc.Text, []byte("\xef\xbb\xbf"))
	if p, bad := doc.refuseBytes(text); bad {
		return nil, []Problem{p}
	}
	tokens := lexer.Tokenize(string(text))
	if p, bad := doc.refuseTokens(tokens); bad {
		return nil, []Problem{p}
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		broken := doc.syntaxProblem(err)
		if file, tokens = doc.parseRepaired(text); file == nil {
			return nil, []Problem{broken}
		}
	}
	if len(file.Docs) == 0 {
		return nil, nil
	}
	root := file.Docs[0].Body
	if len(file.Docs) > 1 {
		return nil, []Problem{doc.problem(doc.pos(firstToken(file.Docs[1].Body)),
			"there is more than one YAML document", "remove the lines --- and %…; a file holds one mapping")}
	}
	if !hasAlias(tokens) || root == nil {
		return root, nil
	}
	r := aliasResolver{document: doc, anchors: map[string]ast.Node{}}
	doc.aliases = map[*ast.AliasNode]ast.Node{}
	r.walk(root)
	return root, r.problems
}

// parseRepaired parses the text with the quotes that it lacks, and gives nil when it is broken in another way.
func (doc *document) parseRepaired(text []byte) (*ast.File, token.Tokens) {
	better, quotes := repaired(text)
	if len(quotes) == 0 {
		return nil, nil
	}
	tokens := lexer.Tokenize(string(better))
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, nil
	}
	doc.quotes = quotes
	return file, tokens
}

// refuseBytes finds text that no YAML parser should see.
func (doc *document) refuseBytes(text []byte) (Problem, bool) {
	if len(text) > maxBytes {
		return doc.problem(Pos{}, fmt.Sprintf("the file is larger than %d MB", maxBytes>>20), "split it"), true
	}
	if i := bytes.IndexByte(text, 0); i >= 0 {
		return doc.problem(doc.posOfByte(text, i), "the text has a NUL byte", "save the file as UTF-8"), true
	}
	if utf8.Valid(text) {
		return Problem{}, false
	}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return doc.problem(doc.posOfByte(text, i), "the text is not UTF-8", "save the file as UTF-8"), true
		}
		i += size
	}
	return Problem{}, false
}

// refuseTokens finds documents that are too long or too deep to parse in reasonable time.
func (doc *document) refuseTokens(tokens token.Tokens) (Problem, bool) {
	if len(tokens) > maxTokens {
		return doc.problem(doc.pos(tokens[maxTokens]), fmt.Sprintf("the file has more than %d values and marks", maxTokens), "split it"), true
	}
	flow, dashes, line := 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			dashes, line = 0, t.Position.Line
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow--
		case token.SequenceEntryType, token.MappingKeyType:
			dashes++
		}
		if flow > maxDepth || dashes > maxDepth {
			return doc.problem(doc.pos(t), tooDeep, ""), true
		}
	}
	return Problem{}, false
}

var tooDeep = fmt.Sprintf("values are nested more than %d deep", maxDepth)

// syntaxProblem turns the parser's error into one for people: its own words where they help, ours where they do not.
func (doc *document) syntaxProblem(err error) Problem {
	var syntax yaml.Error
	if !errors.As(err, &syntax) {
		return doc.problem(Pos{}, "broken YAML: "+err.Error(), "")
	}
	message, hint := syntax.GetMessage(), ""
	switch {
	case strings.Contains(message, `character '	'`):
		message, hint = "a tab stands where YAML wants spaces", "indent with spaces"
	case strings.Contains(message, "mapping value is not allowed"), strings.Contains(message, "value is not allowed in this context"):
		message = "a value cannot stand here"
		hint = `indent keys of one mapping alike, and put quotes around a text that has ": " in it`
	case strings.Contains(message, "non-map value is specified"):
		message = "this line is no key and value"
	case strings.Contains(message, "is a reserved character"), strings.Contains(message, "unexpected directive"):
		hint = "put quotes around the text"
	}
	return doc.problem(doc.pos(syntax.GetToken()), "broken YAML: "+message, hint)
}

func (doc *document) problem(at Pos, message, hint string) Problem {
	return Problem{File: doc.File, Line: at.Line, Col: at.Col, Severity: Error, Message: message, Hint: hint}
}

// pos is the token's place in the file.
func (doc *document) pos(t *token.Token) Pos {
	if t == nil || t.Position == nil {
		return doc.start()
	}
	column := doc.quotes.original(t.Position.Line, max(t.Position.Column, 1))
	return Pos{Line: t.Position.Line + max(doc.Line, 1) - 1, Col: column + doc.Col}
}

func (doc *document) start() Pos { return Pos{Line: max(doc.Line, 1), Col: 1 + doc.Col} }

func (doc *document) posOfByte(text []byte, i int) Pos {
	line := bytes.Count(text[:i], []byte("\n"))
	begin := bytes.LastIndexByte(text[:i], '\n') + 1
	return Pos{Line: line + max(doc.Line, 1), Col: utf8.RuneCount(text[begin:i]) + 1 + doc.Col}
}

func hasAlias(tokens token.Tokens) bool {
	for _, t := range tokens {
		if t.Type == token.AliasType {
			return true
		}
	}
	return false
}

// aliasResolver finds what each alias stands for. An anchor is known only after its value, so nothing contains itself.
type aliasResolver struct {
	*document
	anchors  map[string]ast.Node
	problems []Problem
}

func (r *aliasResolver) walk(n ast.Node) {
	switch n := n.(type) {
	case *ast.AnchorNode:
		r.walk(n.Value)
		r.anchors[n.Name.GetToken().Value] = n.Value
	case *ast.AliasNode:
		name := n.Value.GetToken().Value
		target, ok := r.anchors[name]
		if !ok {
			r.problems = append(r.problems, r.problem(r.pos(n.GetToken()), fmt.Sprintf("alias *%s names no anchor above it", name),
				fmt.Sprintf("mark the value that it repeats with &%s", name)))
			return
		}
		r.aliases[n] = target
	case *ast.TagNode:
		r.walk(n.Value)
	case *ast.SequenceNode:
		for _, item := range n.Values {
			r.walk(item)
		}
	case *ast.MappingNode:
		for _, v := range n.Values {
			r.walk(v)
		}
	case *ast.MappingValueNode:
		r.walk(n.Key)
		r.walk(n.Value)
	}
}
