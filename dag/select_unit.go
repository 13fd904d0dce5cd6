package dag

import (
	"slices"

	"github.com/terrace-elt/terrace/dag/model"
)

// unitMethods are the selector methods that name files and assertions, and therefore unit tests.
var unitMethods = []string{byName, byPath, byFile, byTest}

// SelectsUnit reports whether a selector names a unit test as it would an assertion: by its name, leading parts of it or a
// pattern, by its path, or by test: with its name or that of its model. A selector of several criteria, or one that reaches
// around what it names, names nodes alone. The error is a *SelectorError.
func SelectsUnit(selector string, t *model.UnitTest) (bool, error) {
	terms, err := parseSelector(selector)
	if err != nil {
		return false, err
	}
	if len(terms) != 1 || len(terms[0].criteria) != 1 {
		return false, nil
	}
	c := terms[0].criteria[0]
	if c.around || c.up != 0 || c.down != 0 || !slices.Contains(unitMethods, c.method) {
		return false, nil
	}
	holds, err := (&evaluator{}).condition(c)
	if err != nil {
		return false, err
	}
	return holds(&Node{Name: t.Name, Kind: KindAssertion, File: t.File, On: []string{t.Model.Name}}), nil
}
