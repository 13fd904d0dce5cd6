package model_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag/model"
	"github.com/terrace-elt/terrace/dag/model/strict"
)

// project is the files of a project; terrace.yml is there unless given.
func project(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{"terrace.yml": {Data: []byte("name: shop\n")}}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

var streams = []model.Stream{
	{Name: "shop_ods.orders", Source: "shop", File: "models/shop/ods/shop.yml", Line: 5},
	{Name: "shop_ods.members", Source: "shop", File: "models/shop/ods/shop.yml", Line: 9},
	{Name: "crm_ods.accounts", Source: "crm", File: "models/crm/ods/crm.yml", Line: 3, External: true},
}

func load(t *testing.T, files map[string]string) (*model.Project, []string) {
	t.Helper()
	p, problems := model.Load(project(files), model.Options{Streams: streams})
	return p, lines(problems)
}

// check loads a project whose headers are right and gives what CheckSQL says of it.
func check(t *testing.T, files map[string]string) []string {
	t.Helper()
	p, problems := load(t, files)
	require.Empty(t, problems)
	return lines(p.CheckSQL(nil))
}

// lines gives each problem as "file:line:col: message | hint", warnings with the word before them.
func lines(problems []model.Problem) []string {
	var out []string
	for _, p := range problems {
		text := strings.TrimPrefix(p.Error(), "models/")
		if p.Severity == strict.Warning {
			text = "warning: " + text
		}
		if p.Hint != "" {
			text += " | " + p.Hint
		}
		out = append(out, text)
	}
	return out
}

func sql(header, body string) string {
	return "-- " + strings.ReplaceAll(header, "\n", "\n-- ") + "\n" + body
}

func mustParse(t *testing.T, header string) model.Header {
	t.Helper()
	h, problems := model.ParseHeader("m.sql", []byte(sql(header, "select 1\n")))
	require.Empty(t, problems, fmt.Sprint(problems))
	return h
}
