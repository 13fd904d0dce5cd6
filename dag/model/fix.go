package model

import (
	"regexp"
	"slices"
	"strings"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

// Fix returns the text of a model's file with depends_on as its SQL wants it: what the SQL reads of the project is
// added, what it does not read is removed; a header without the key gets it, a file without a header one of this line.
// Every other byte stays. It reports false when there is nothing to change, or when the header is written in a way that
// it cannot change without changing more.
func (p *Project) Fix(m *Model, text []byte) ([]byte, bool) {
	a, err := analyse(m.SQL)
	if err != nil {
		return text, false
	}
	var wanted []string
	catalog := p.catalog()
	for _, r := range slices.Concat(a.reads, m.Header.conditionReads()) {
		if node, known := catalog.nodes[r.Name]; known && node != m.Name && !slices.Contains(wanted, r.Name) {
			wanted = append(wanted, r.Name)
		}
	}
	// A declared name that is nowhere in the project is a mistake that nobody but its author can correct. What the SQL does not
	// read may be what a function of theirs reads, and what colocate names has to be declared.
	unseen := len(a.calls) > 0 || a.opaque
	var kept []Ref
	for _, ref := range m.Header.DependsOn {
		if _, known := catalog.nodes[ref.Name]; !known || unseen || m.colocatedWith(ref.Name) || slices.Contains(wanted, ref.Name) {
			kept = append(kept, ref)
		}
	}
	added := slices.DeleteFunc(wanted, func(name string) bool {
		return slices.ContainsFunc(kept, func(r Ref) bool { return r.Name == name })
	})
	if len(kept) == len(m.Header.DependsOn) && len(added) == 0 && !m.undeclared {
		return text, false
	}
	f := fixer{lines: splitLines(text), refs: m.Header.DependsOn, kept: kept, added: added}
	if !f.fix() {
		return text, false
	}
	out := []byte(strings.Join(f.lines, ""))
	if !f.proves(m, out) {
		return text, false
	}
	return out, true
}

// fixer edits the lines of one file; each line has its end.
type fixer struct {
	lines []string
	refs  []Ref
	kept  []Ref
	added []string
	key   int // index of the line with the key
}

// proves reads the new text: depends_on is to be as it was meant, and the SQL as it was.
func (f *fixer) proves(m *Model, text []byte) bool {
	again, problems := parseModel(m.File, text)
	if strict.HasErrors(problems) || again.SQL != m.SQL {
		return false
	}
	var names, want []string
	for _, r := range again.Header.DependsOn {
		names = append(names, r.Name)
	}
	for _, r := range f.kept {
		want = append(want, r.Name)
	}
	return slices.Equal(names, append(want, f.added...))
}

func splitLines(text []byte) []string {
	var lines []string
	for len(text) > 0 {
		line := nextLine(text)
		lines = append(lines, string(line))
		text = text[len(line):]
	}
	return lines
}

var (
	dependsOnKey = regexp.MustCompile(`^(\x{FEFF})?-- ["']?depends_on["']?[ \t]*:`)
	onlyComment  = regexp.MustCompile(`^[ \t]*(#.*)?[\r\n]*$`)
	blockItem    = regexp.MustCompile(`^--( *)-[ \t]`)
)

func (f *fixer) fix() bool {
	f.key = slices.IndexFunc(f.lines, func(line string) bool { return isHeaderLine([]byte(line)) && dependsOnKey.MatchString(line) })
	if f.key < 0 {
		return f.insert()
	}
	value := strings.TrimLeft(f.lines[f.key][len(dependsOnKey.FindString(f.lines[f.key])):], " \t")
	switch {
	case strings.HasPrefix(value, "["):
		return f.flow()
	case onlyComment.MatchString(value):
		return f.block()
	default:
		return f.single(value)
	}
}

// insert writes the key below the header, or as the first line of a file that has none.
func (f *fixer) insert() bool {
	text := strings.Join(f.lines, "")
	header, body := SplitHeader([]byte(text))
	_, end := cutEnd(f.lines[0])
	f.lines = []string{string(header), "-- depends_on: [" + strings.Join(f.added, ", ") + "]" + end, string(body)}
	return true
}

// block edits a list with an item to a line.
func (f *fixer) block() bool {
	indent := "  "
	last := f.key
	gone := map[int]bool{}
	for _, ref := range f.refs {
		i := ref.Line - 1
		found := blockItem.FindStringSubmatch(f.lines[i])
		if found == nil {
			return false
		}
		indent = strings.TrimPrefix(found[1], " ")
		if slices.Contains(f.kept, ref) {
			last = i
			continue
		}
		gone[i] = true
	}
	_, end := cutEnd(f.lines[f.key])
	var out []string
	for i, line := range f.lines {
		if i == f.key && len(f.kept)+len(f.added) == 0 {
			line = strings.Replace(line, ":", ": []", 1)
		}
		if !gone[i] {
			out = append(out, line)
		}
		if i == last {
			for _, name := range f.added {
				out = append(out, marker+indent+"- "+name+end)
			}
		}
	}
	f.lines = out
	return true
}

func cutEnd(line string) (text, end string) {
	text = strings.TrimRight(line, "\r\n")
	return text, line[len(text):]
}

// single edits a value that stands for a list of one.
func (f *fixer) single(value string) bool {
	if len(f.refs) != 1 || f.refs[0].Line-1 != f.key {
		return false
	}
	written := span(value, 0, f.refs[0].Name)
	if written == 0 {
		return false
	}
	names := slices.Clone(f.added)
	if len(f.kept) > 0 {
		names = append([]string{value[:written]}, names...)
	}
	head := strings.TrimSuffix(f.lines[f.key], value)
	f.lines[f.key] = head + "[" + strings.Join(names, ", ") + "]" + value[written:]
	return true
}

// span is the length of a name as it is written at an offset, quotes included; 0 when something else stands there.
func span(text string, offset int, name string) int {
	for _, written := range []string{name, `"` + name + `"`, "'" + name + "'"} {
		if strings.HasPrefix(text[offset:], written) {
			return len(written)
		}
	}
	return 0
}

// flow edits a list in brackets, which may go over several lines. It removes from the end to the beginning, so that
// places stay right.
func (f *fixer) flow() bool {
	for _, ref := range slices.Backward(f.refs) {
		if !slices.Contains(f.kept, ref) && !f.cut(ref) {
			return false
		}
	}
	if len(f.added) == 0 {
		return true
	}
	if len(f.kept) == 0 {
		line := f.lines[f.key]
		open := strings.Index(line, "[") + 1
		f.lines[f.key] = line[:open] + strings.Join(f.added, ", ") + line[open:]
		return true
	}
	last := f.kept[len(f.kept)-1]
	line, begin, end, ok := f.find(last)
	if !ok {
		return false
	}
	text := f.lines[line]
	separator := ", "
	if prefix := text[:begin]; line != f.key && strings.Trim(prefix, " -") == "" { // an item to a line
		_, newline := cutEnd(text)
		separator = "," + newline + prefix
	}
	f.lines[line] = text[:end] + separator + strings.Join(f.added, separator) + text[end:]
	return true
}

// find is where a name is written: its line, counted among those that are left, and the bytes in it.
func (f *fixer) find(ref Ref) (line, begin, end int, ok bool) {
	line = ref.Line - 1
	begin = byteOffset(f.lines[line], ref.Col-1)
	length := span(f.lines[line], begin, ref.Name)
	return line, begin, begin + length, length > 0
}

var (
	commaAfter  = regexp.MustCompile(`^[ \t]*,[ \t]*`)
	commaBefore = regexp.MustCompile(`,[ \t]*$`)
)

// cut removes an item and one comma. A line that has nothing left goes too.
func (f *fixer) cut(ref Ref) bool {
	line, begin, end, ok := f.find(ref)
	if !ok {
		return false
	}
	before, after := f.lines[line][:begin], f.lines[line][end:]
	if comma := commaAfter.FindString(after); comma != "" {
		after = after[len(comma):]
	} else if comma := commaBefore.FindString(before); comma != "" {
		before = strings.TrimSuffix(before, comma)
	}
	f.lines[line] = before + after
	if line != f.key && strings.Trim(before+after, " -\t\r\n") == "" {
		f.lines[line] = "" // kept as a place, so that the lines above have their numbers
	}
	return true
}
