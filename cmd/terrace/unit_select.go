package main

import (
	"errors"
	"strings"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/model"
	"github.com/terrace-elt/terrace/dag/model/strict"
)

// units are the unit tests of the project, and those that the selection names by themselves.
type units struct {
	all []*model.UnitTest
	// named are those that a selector names, excluded those that --exclude does, by name.
	named, excluded map[string]bool
	// only says that the selection names nothing else.
	only bool
}

// chooseUnits reads the unit tests and takes the selectors that name nothing but unit tests out of the request: they are no
// nodes of the graph.
func (w *work) chooseUnits() error {
	loaded, problems := model.LoadUnitTests(w.project.files, w.project.Project)
	if err := problemsOf(problems); err != nil {
		return err
	}
	w.units = units{all: loaded, named: map[string]bool{}, excluded: map[string]bool{}}
	r := &w.request
	asked := len(r.include()) > 0
	var err error
	if r.Nodes, err = w.nameUnits(r.include(), w.units.named); err != nil {
		return err
	}
	r.Select = nil
	w.units.only = asked && len(r.Nodes) == 0
	r.Exclude, err = w.nameUnits(r.Exclude, w.units.excluded)
	return err
}

// nameUnits notes the unit tests that selectors name, and returns the selectors without those that name no node.
func (w *work) nameUnits(selectors []string, named map[string]bool) (rest []string, err error) {
	for _, term := range strings.Fields(strings.Join(selectors, " ")) {
		found := false
		for _, t := range w.units.all {
			selected, err := dag.SelectsUnit(term, t)
			if err != nil {
				return nil, err
			}
			named[t.Name] = named[t.Name] || selected
			found = found || selected
		}
		if found {
			nodes, err := w.project.graph.Select(dag.SelectContext{AllowEmpty: true}, []string{term}, nil)
			if err != nil {
				return nil, err
			}
			if nodes.Len() == 0 {
				continue
			}
		}
		rest = append(rest, term)
	}
	return rest, nil
}

// chosen are the unit tests of selected models, and those that are named, without those that are excluded.
func (u units) chosen(selected dag.Selection) []*model.UnitTest {
	var out []*model.UnitTest
	for _, t := range u.all {
		if (u.named[t.Name] || selected.Has(t.Model.Name)) && !u.excluded[t.Name] {
			out = append(out, t)
		}
	}
	return out
}

// nearUnit completes the error of a selector that matches nothing by the unit test that was probably meant.
func (u units) nearUnit(err error) error {
	var nothing *dag.NothingSelectedError
	if !errors.As(err, &nothing) || nothing.Near != "" || nothing.Exclude != "" {
		return err
	}
	var names []string
	for _, t := range u.all {
		names = append(names, t.Name)
	}
	nothing.Near = strict.Nearest(nothing.Selector, names)
	return err
}
