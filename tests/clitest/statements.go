package clitest

import "github.com/terrace-elt/terrace/tests/pgtest"

// CountStatements lets the project's commands talk to the server through a listener that counts their statements, from now
// on until the test ends. What it gives tells the count so far.
func (p *Project) CountStatements() func() int {
	p.t.Helper()
	faults := &pgtest.Faults{}
	p.url = faults.Relay(p.t, p.url)
	return faults.Count
}
