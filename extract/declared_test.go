package extract_test

import (
	"fmt"
	"testing/fstest"

	"github.com/terrace-elt/terrace/extract"
)

// loadText loads one source and gives what is wrong with it as "line: message".
func loadText(yaml string) ([]*extract.Source, []string) {
	sources, problems := extract.Load(
		fstest.MapFS{"models/crm/ods/src.yml": {Data: []byte(yaml)}},
		func(string) (string, bool) { return "", false },
	)
	var out []string
	for _, p := range problems {
		out = append(out, fmt.Sprintf("%d: %s", p.Line, p.Message))
	}
	return sources, out
}
