// Package site turns a project and its ledger into pages for people: what failed and what is late, runs, models, lineage,
// the quality report, sources, and a dashboard for each domain. The same templates serve pages over HTTP and make one
// file that needs no network. It writes nothing, never looks at the clock by itself, and knows nothing of extraction:
// what is read comes through Source, and what readers ask for goes to Asks.
package site
