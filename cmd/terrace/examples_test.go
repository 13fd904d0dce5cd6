package main

import (
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

// word is what a shell takes for one.
var word = regexp.MustCompile(`'[^']*'|\S+`)

// Every example of the help is a command line that terrace understands.
func TestExamples_areCommandLines(t *testing.T) {
	t.Parallel()
	parser := func() *kong.Kong {
		k, err := kong.New(&CLI{}, kongOptions(&App{Env: Env{Stdout: io.Discard, Stderr: io.Discard}})...)
		require.NoError(t, err)
		return k
	}
	found := 0
	var visit func(node *kong.Node)
	visit = func(node *kong.Node) {
		for _, line := range strings.Split(node.Detail, "\n") {
			command, _, _ := strings.Cut(strings.TrimSpace(line), "  ")
			rest, isExample := strings.CutPrefix(command, "terrace ")
			if !isExample {
				continue
			}
			var args []string
			for _, w := range word.FindAllString(rest, -1) {
				args = append(args, strings.Trim(w, "'"))
			}
			ctx, err := parser().Parse(args)
			require.NoError(t, err, command)
			require.True(t, strings.HasPrefix(ctx.Command(), strings.TrimPrefix(node.FullPath(), "terrace ")), command)
			found++
		}
		for _, child := range node.Children {
			visit(child)
		}
	}
	visit(parser().Model.Node)
	require.Greater(t, found, 40)
}
