package strict

import (
	"fmt"
	"strings"
)

// Nearest is the candidate that name was most likely meant to be, or "" when none is near: letters swapped, missing,
// added or wrong, in a third of the name at most, or the same letters in another case. Of equally near ones the first
// in the alphabet wins. Where none is, the only one that the name is the beginning of, or that begins the name.
func Nearest(name string, candidates []string) string {
	want := []rune(strings.ToLower(name))
	best, bestDistance := "", max(1, len(want)/3)+1
	for _, candidate := range candidates {
		if candidate == "" {
			continue
		}
		have := []rune(strings.ToLower(candidate))
		if diff := len(have) - len(want); diff > bestDistance || -diff > bestDistance {
			continue
		}
		d := distance(want, have)
		if d >= len(have) && d > 0 {
			continue // nothing of the candidate is left
		}
		if d < bestDistance || d == bestDistance && best != "" && candidate < best {
			best, bestDistance = candidate, d
		}
	}
	if best == "" {
		return beginning(name, candidates)
	}
	return best
}

// beginning is the only candidate that begins with the name, or that the name begins with.
func beginning(name string, candidates []string) string {
	found := ""
	for _, candidate := range candidates {
		if min(len(name), len(candidate)) < 4 || !strings.HasPrefix(candidate, name) && !strings.HasPrefix(name, candidate) {
			continue
		}
		if found != "" {
			return ""
		}
		found = candidate
	}
	return found
}

// Suggest is the hint after a wrong name: the nearest legal one, else all of them after the given words.
func Suggest(name string, candidates []string, otherwise string) string {
	if near := Nearest(name, candidates); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	if len(candidates) == 0 {
		return ""
	}
	return otherwise + strings.Join(candidates, ", ")
}

// distance counts the single-letter insertions, deletions, changes and swaps of neighbours between a and b.
func distance(a, b []rune) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
