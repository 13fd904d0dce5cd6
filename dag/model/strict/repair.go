package strict

import (
	"bytes"
	"regexp"
	"strings"
)

// A text with ${json({a: b})} or $.data[*] in it looks like text to people and is broken YAML: ": " ends a key, and
// within { } and [ ] every bracket means something. repaired puts such texts into quotes. It is meant for documents that
// do not parse; one that does is never changed.
func repaired(text []byte) ([]byte, insertions) {
	r := &repairer{quotes: insertions{}}
	lines := bytes.Split(text, []byte("\n"))
	for i, line := range lines {
		if r.literal >= 0 && (len(bytes.TrimSpace(line)) == 0 || indentOf(line) > r.literal) {
			continue
		}
		r.literal = -1
		if r.depth == 0 && opensBlock.Match(line) {
			r.literal = indentOf(line)
			continue
		}
		r.number = i + 1
		lines[i] = r.line(string(line))
	}
	return bytes.Join(lines, []byte("\n")), r.quotes
}

// insertions are the columns, by line, of characters that the file does not have.
type insertions map[int][]int

// original is the column in the file.
func (in insertions) original(line, column int) int {
	before := 0
	for _, at := range in[line] {
		if at < column {
			before++
		}
	}
	return column - before
}

// opensBlock is a line after which lines of text follow.
var opensBlock = regexp.MustCompile(`[:-]\s+[|>][-+0-9]*\s*(#.*)?$`)

func indentOf(line []byte) int { return len(line) - len(bytes.TrimLeft(line, " ")) }

// repairer walks over the lines of a document.
type repairer struct {
	quotes  insertions
	number  int
	depth   int // of brackets that are open
	literal int // indent of the key whose block of text we are in, -1 outside
	out     []rune
}

// line puts quotes where they are missing.
func (r *repairer) line(text string) []byte {
	r.out = r.out[:0]
	rest := []rune(text)
	for start := true; len(rest) > 0; {
		c := rest[0]
		switch {
		case c == '#' && (len(r.out) == 0 || r.out[len(r.out)-1] == ' '):
			r.out, rest = append(r.out, rest...), nil
			continue
		case start && (c == '"' || c == '\''):
			n := quotedLength(rest)
			r.out, rest, start = append(r.out, rest[:n]...), rest[n:], false
			continue
		case start && c != ' ' && !strings.ContainsRune("{}[],", c):
			n := plainLength(rest, r.depth > 0)
			r.plain(rest[:n])
			rest, start = rest[n:], false
			continue
		case c == '{' || c == '[':
			r.depth++
		case c == '}' || c == ']':
			r.depth = max(r.depth-1, 0)
		}
		start = c == ' ' && start || strings.ContainsRune("{[,:", c) || c == '-' && start
		r.out, rest = append(r.out, c), rest[1:]
	}
	return []byte(string(r.out))
}

// plain writes a text, in quotes where it needs them.
func (r *repairer) plain(text []rune) {
	end := len(text)
	for end > 0 && (text[end-1] == ' ' || text[end-1] == '\r') {
		end--
	}
	word := string(text[:end])
	placeholder := strings.Contains(word, "${") && (r.depth > 0 || strings.Contains(word, ": "))
	if !placeholder && (r.depth == 0 || !strings.HasPrefix(word, "$") || !strings.Contains(word, "[")) {
		r.out = append(r.out, text...)
		return
	}
	r.insert('\'')
	for _, c := range text[:end] {
		if c == '\'' {
			r.insert('\'')
		}
		r.out = append(r.out, c)
	}
	r.insert('\'')
	r.out = append(r.out, text[end:]...)
}

func (r *repairer) insert(c rune) {
	r.out = append(r.out, c)
	r.quotes[r.number] = append(r.quotes[r.number], len(r.out))
}

// quotedLength is the length of a quoted text, to the end of the line when it is not closed there.
func quotedLength(text []rune) int {
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && text[0] == '"':
			i++
		case text[i] == text[0]:
			return i + 1
		}
	}
	return len(text)
}

// plainLength is how far a text without quotes reaches: to the colon that makes it a key, a comment, or, within brackets,
// the next comma or bracket. What is inside ${ } and, after a $, inside [ ] belongs to it.
func plainLength(text []rune, inFlow bool) int {
	depth := 0
	for i, c := range text {
		switch {
		case c == '{' && i > 0 && text[i-1] == '$', depth > 0 && (c == '{' || c == '['), c == '[' && text[0] == '$':
			depth++
		case depth > 0 && (c == '}' || c == ']'):
			depth--
		case depth > 0:
		case c == ':' && (i+1 == len(text) || text[i+1] == ' '), c == '#' && i > 0 && text[i-1] == ' ',
			inFlow && strings.ContainsRune(",{}[]", c):
			return i
		}
	}
	return len(text)
}
