package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

// demoDomain is a reference system that the demo can run.
type demoDomain struct {
	name  string
	later string // what has happened a day later
	// start makes the upstream as it is when so many business days are over. It may keep files in dir, a folder of its own
	// that need not exist and may hold what an earlier demo left.
	start func(days int, dir string) (standin, error)
	shows []shownQuery
}

// standin is a domain's upstream on one day.
type standin struct {
	handler http.Handler                       // nil where the sources read files
	env     func(url string) map[string]string // the variables that the domain's sources read
}

// shownQuery is something to look at when the demo is over.
type shownQuery struct{ title, sql string }

// demoDomains are in the order in which they are shown.
func demoDomains() []demoDomain {
	return []demoDomain{feiqiuDemo(), jushuitanDemo(), xiaoeDemo(), tradingDemo(), crmDemo()}
}

func demoDomainNames() []string {
	var names []string
	for _, domain := range demoDomains() {
		names = append(names, domain.name)
	}
	return names
}

// chooseDemos finds the named domains; all where none is named.
func chooseDemos(names []string) ([]demoDomain, error) {
	known := demoDomainNames()
	for _, name := range names {
		if !slices.Contains(known, name) {
			hint := "Demos: " + strings.Join(known, ", ") + "."
			if near := strict.Nearest(name, known); near != "" {
				hint = fmt.Sprintf("Did you mean %s? %s", near, hint)
			}
			return nil, &inputError{message: fmt.Sprintf("there is no demo %q", name), hint: hint}
		}
	}
	return slices.DeleteFunc(demoDomains(), func(d demoDomain) bool { return len(names) > 0 && !slices.Contains(names, d.name) }), nil
}

// demoNow is the clock of every stand-in: midnight in China when so many business days from 2025-09-01 on are over.
// China has had no summer time since 1991, so a fixed offset needs no zone database.
func demoNow(days int) time.Time {
	return time.Date(2025, time.September, 1+days, 0, 0, 0, 0, time.FixedZone("Asia/Shanghai", 8*60*60))
}
