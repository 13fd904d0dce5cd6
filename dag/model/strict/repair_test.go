package strict_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

func TestDecode_takesTextsWithPlaceholdersWithoutQuotes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"a call with an object":        {"a: ${json({x: page.number, y: 'z'})}", "${json({x: page.number, y: 'z'})}"},
		"a comment after it":           {"a: ${json({x: y})}   # why", "${json({x: y})}"},
		"in a mapping in one line":     {"a: {b: 1}\nc: {path: /c/${parent.id}, d: 2}", "/c/${parent.id}"},
		"a path in one line":           {"c: {path: $.ids[*], key: $}", "$.ids[*]"},
		"a path with a quoted name":    {"c: {path: $['a, b'][0].c, key: $}", "$['a, b'][0].c"},
		"in a list in one line":        {"l: [${env:A}, ${json([1, 2])}]", "${json([1, 2])}"},
		"over several lines":           {"c: {x: 1,\n  path: ${a}}", "${a}"},
		"quotes elsewhere stay":        {"q: \"it's {\"\na: ${json({x: y})}", "${json({x: y})}"},
		"a block of text stays":        {"b: |\n  k: ${json({x: y})}\na: ${json({x: y})}", "k: ${json({x: y})}\n"},
		"a file from another system":   {"a: ${json({x: y})}\r\nb: 1\r\n", "${json({x: y})}"},
		"a key that is a word of YAML": {"null: ${x}", "${x}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got any
			require.Empty(t, strict.Decode("a.yml", []byte(c.text), &got))
			require.Contains(t, texts(got), c.want)
		})
	}
}

// texts gives all texts of a decoded document.
func texts(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, item := range v {
			all = append(all, texts(item)...)
		}
		return all
	case map[string]any:
		var all []string
		for _, item := range v {
			all = append(all, texts(item)...)
		}
		return all
	default:
		return nil
	}
}

func TestDecode_placesMistakesBesideTextsThatLackQuotes(t *testing.T) {
	t.Parallel()
	var into struct {
		Paths struct {
			Path string `yaml:"path"`
			Size int    `yaml:"size"`
		} `yaml:"paths"`
	}
	problems := strict.Decode("a.yml", []byte("paths: {path: $.it['s'][*], size: many, sise: 1}"), &into)
	require.Equal(t, "$.it['s'][*]", into.Paths.Path)
	require.Len(t, problems, 2)
	require.Equal(t, `a.yml:1:35: "size" wants a whole number, got "many"`, problems[0].Error())
	require.Contains(t, problems[1].Error(), `a.yml:1:41: unknown key "sise"`)
}

func TestDecode_leavesOtherBrokenYAMLAsItIs(t *testing.T) {
	t.Parallel()
	var into any
	problems := strict.Decode("a.yml", []byte("a: b: ${x}\nc: ${json({x: y})}\n"), &into)
	require.Len(t, problems, 1)
	require.Contains(t, problems[0].Error(), "a.yml:1:4: broken YAML")
}

func TestDecode_takesWordsOfYAMLAsKeys(t *testing.T) {
	t.Parallel()
	var into struct {
		Null []string `yaml:"null"`
		True int      `yaml:"true"`
	}
	require.Empty(t, strict.Decode("a.yml", []byte(`{null: ["", "NULL"], true: 1}`), &into))
	require.Equal(t, []string{"", "NULL"}, into.Null)
	require.Equal(t, 1, into.True)
}
