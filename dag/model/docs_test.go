package model_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag/model"
)

// The examples of docs/MODELS.md are headers that parse, each completed by what it leaves out.
func TestDocs_examplesAreLegal(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/MODELS.md")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	headers := 0
	for _, block := range blocks {
		text := strings.TrimSuffix(block[1], "\n")
		if strings.HasPrefix(text, "# models/") {
			continue // a seed's
		}
		if strings.HasPrefix(text, "rejects:") {
			text = "kind: table\n" + text
		}
		if !strings.Contains(text, "depends_on:") {
			text += "\ndepends_on: []"
		}
		_, problems := model.ParseHeader("m.sql", []byte(sql(text, "select 1")))
		require.Empty(t, problems, text)
		headers++
	}
	require.Equal(t, 7, headers)

	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| `(.*?)`").FindAllStringSubmatch(section(string(page), "## Keys"), -1) {
		header := "depends_on: []\n"
		if row[1] == "depends_on" {
			header = ""
		}
		_, problems := model.ParseHeader("m.sql", []byte(sql(header+row[1]+": "+row[2], "select 1")))
		for _, p := range problems {
			require.Regexp(t, "means nothing for kind view|does not name", p.Message, row[0])
		}
	}
}

// section is the text from a heading to the next one.
func section(page, heading string) string {
	_, rest, _ := strings.Cut(page, heading+"\n")
	text, _, _ := strings.Cut(rest, "\n## ")
	return text
}
