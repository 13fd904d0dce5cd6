package dag

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseSelector_readsEveryForm(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]criterion{
		"x":                         {method: byName, value: "x"},
		"s.x":                       {method: byName, value: "s.x"},
		"+x":                        {method: byName, value: "x", up: unlimited},
		"x+":                        {method: byName, value: "x", down: unlimited},
		"2+x+13":                    {method: byName, value: "x", up: 2, down: 13},
		"0+x":                       {method: byName, value: "x"},
		"@x":                        {method: byName, value: "x", around: true},
		"tag:daily":                 {method: byTag, value: "daily"},
		"1+tag:daily+":              {method: byTag, value: "daily", up: 1, down: unlimited},
		"@tag:2024":                 {method: byTag, value: "2024", around: true},
		"2024":                      {method: byName, value: "2024"},
		"x2+":                       {method: byName, value: "x2", down: unlimited},
		"models/a/x.sql":            {method: byPath, value: "models/a/x.sql"},
		"+models/a/":                {method: byPath, value: "models/a/", up: unlimited},
		"x.sql":                     {method: byFile, value: "x.sql"},
		"config.materialized:table": {method: byKind, value: "table"},
		"config.severity:warn":      {method: bySeverity, value: "warn"},
		"path:models/**/dws":        {method: byPath, value: "models/**/dws"},
	} {
		terms, err := parseSelector(text)
		require.NoError(t, err, text)
		want.text = text
		require.Equal(t, []term{{text: text, criteria: []criterion{want}}}, terms)
	}
}

func TestParseSelector_bindsCommasCloserThanSpaces(t *testing.T) {
	t.Parallel()
	terms, err := parseSelector("  a,tag:b+\n\tc ")
	require.NoError(t, err)
	require.Equal(t, []term{
		{text: "a,tag:b+", criteria: []criterion{
			{text: "a", method: byName, value: "a"},
			{text: "tag:b+", method: byTag, value: "b", down: unlimited},
		}},
		{text: "c", criteria: []criterion{{text: "c", method: byName, value: "c"}}},
	}, terms)
}

func TestParseSelector_pointsAtTheMistake(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		pos     int
		message string
	}{
		"":                         {1, "empty"},
		" \t":                      {1, "empty"},
		"+":                        {2, "missing"},
		"@":                        {2, "missing"},
		"5+":                       {3, "missing"},
		"tag:":                     {5, "missing"},
		"a,,b":                     {3, "comma"},
		",a":                       {1, "comma"},
		"a, b":                     {3, "comma"},
		"早,":                       {3, "comma"},
		"@a+":                      {2, "cannot be joined with +"},
		"@2+a":                     {4, "cannot be joined with +"},
		"a+b":                      {2, "not inside"},
		"++a":                      {2, "not inside"},
		"a+1+":                     {2, "not inside"},
		"x @@a":                    {4, "not inside"},
		"tga:daily":                {1, "the methods are fqn, path"},
		"x,+exposure:y":            {4, "no method exposure"},
		"99999999999999999999+a":   {1, "too many steps"},
		"a[b":                      {1, "bracket"},
		"ok path:models/[a":        {9, "bracket"},
		"a+99999999999999999999":   {3, "too many steps"},
		"tag:x,+tag:[z another_ok": {12, "bracket"},
	} {
		_, err := parseSelector(text)
		var wrong *SelectorError
		require.ErrorAs(t, err, &wrong, text)
		require.Equal(t, want.pos, wrong.Pos, text)
		require.Contains(t, wrong.Error(), want.message, text)
		require.NotEmpty(t, wrong.Example, text)
	}
}

func TestParseSelector_suggestsTheNearMethod(t *testing.T) {
	t.Parallel()
	_, err := parseSelector("knd:view")
	require.ErrorContains(t, err, "for example kind:…")
}

func FuzzParseSelector(f *testing.F) {
	for _, seed := range []string{
		"", "x", "+x+", "2+x+1", "@x", "tag:a,path:b/* c", "a,,b", "+", "@", "5+", "a\u00a0b", "\xff,+", "selector:x+", "[", "1+2+3",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		terms, err := parseSelector(text)
		var wrong *SelectorError
		if errors.As(err, &wrong) {
			require.Positive(t, wrong.Pos)
			require.LessOrEqual(t, wrong.Pos, len(text)+1)
			return
		}
		require.NoError(t, err)
		require.NotEmpty(t, terms)
		for _, term := range terms {
			require.NotEmpty(t, term.criteria)
			again, err := parseSelector(term.text)
			require.NoError(t, err)
			require.Equal(t, term, again[0])
		}
	})
}
