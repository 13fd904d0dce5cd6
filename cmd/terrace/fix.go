package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// fixed is a file that check --fix has written anew.
type fixed struct {
	File string `json:"file"`
	Diff string `json:"diff"`
}

// fix writes the headers whose depends_on is not what the SQL reads.
func (a *App) fix(p *project) ([]fixed, error) {
	var out []fixed
	for _, m := range p.Models {
		before, err := fs.ReadFile(p.files, m.File)
		if err != nil {
			continue // reading the project has told
		}
		after, changed := p.Fix(m, before)
		if !changed {
			continue
		}
		name := filepath.Join(a.Dir, filepath.FromSlash(m.File))
		if err := os.WriteFile(name, after, 0o644); err != nil { // the mode of a file that is there stays
			return out, &surroundingsError{err: fmt.Errorf("fix %s: %w", m.File, err), hint: "Make it writable."}
		}
		out = append(out, fixed{m.File, diff(m.File, string(before), string(after))})
	}
	return out, nil
}

// diff shows one stretch of lines that changed, as patch reads it.
func diff(file, before, after string) string {
	old, now := lines(before), lines(after)
	head := 0
	for head < len(old) && head < len(now) && old[head] == now[head] {
		head++
	}
	tail := 0
	for tail < len(old)-head && tail < len(now)-head && old[len(old)-1-tail] == now[len(now)-1-tail] {
		tail++
	}
	const context = 1
	from := max(head-context, 0)
	end := min(tail, context)
	var b strings.Builder
	fmt.Fprintf(&b, "--- a/%s\n+++ b/%s\n@@ -%d,%d +%d,%d @@\n", file, file,
		from+1, len(old)-tail+end-from, from+1, len(now)-tail+end-from)
	for _, part := range []struct {
		sign  string
		lines []string
	}{
		{" ", old[from:head]}, {"-", old[head : len(old)-tail]}, {"+", now[head : len(now)-tail]}, {" ", old[len(old)-tail : len(old)-tail+end]},
	} {
		for _, line := range part.lines {
			b.WriteString(part.sign + line + "\n")
		}
	}
	return b.String()
}

func lines(text string) []string {
	return slices.Collect(strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n"))
}
