package model

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

// maxNameBytes is what PostgreSQL keeps of a name; it cuts the rest off without an error.
const maxNameBytes = 63

var legalName = regexp.MustCompile(`^[a-z0-9_]+$`)

// What ends the names of the relations that stand beside a node's own one and carry its name.
const (
	VersionsSuffix = "__versions"
	HistorySuffix  = "__history"
	RejectsSuffix  = "__rejects"
)

// relationOf gives the schema and the relation that a file under models/ makes: its folders joined by "_", and its
// own name.
func relationOf(file string) (schema, relation string) {
	inside := strings.TrimPrefix(file, modelsFolder+"/")
	folder, base := path.Split(inside)
	return strings.ReplaceAll(strings.TrimSuffix(folder, "/"), "/", "_"), strings.TrimSuffix(base, path.Ext(base))
}

// checkPath finds what keeps a file's path from naming a relation.
func checkPath(file string) []Problem {
	at := place{file: file}
	inside := strings.Split(file, "/")[1:]
	schema, relation := relationOf(file)
	for i, part := range inside {
		what := "folder"
		if i == len(inside)-1 {
			what, part = "file", strings.TrimSuffix(part, path.Ext(part))
		}
		if !legalName.MatchString(part) {
			return []Problem{at.problem(fmt.Sprintf("the %s name %q cannot name anything in SQL without quotes", what, part),
				"use lower-case letters, digits and _")}
		}
	}
	switch {
	case schema == "":
		return []Problem{at.problem("a file directly under models/ has no schema", "put it into a folder: folders name the schema")}
	case reserved(schema):
		return []Problem{at.problem(fmt.Sprintf("the schema %s is not free", schema), "rename the folder; pg_*, information_schema, terrace and terrace_* are taken")}
	}
	var problems []Problem
	for _, name := range []string{schema, relation} {
		if len(name) > maxNameBytes {
			problems = append(problems, at.problem(fmt.Sprintf("the name %s has %d bytes, PostgreSQL keeps %d", name, len(name), maxNameBytes), "shorten it"))
		}
	}
	return problems
}

// reserved schemas belong to the server, or to terrace itself.
func reserved(schema string) bool {
	return strings.HasPrefix(schema, "pg_") || schema == "information_schema" || schema == "terrace" || strings.HasPrefix(schema, "terrace_")
}

// claim is a relation that some file makes.
type claim struct {
	name string // "schema.relation"
	at   place
	// beside marks a relation that comes with another one: its versions, history or rejects.
	beside bool
}

// claims lists the relations of the whole project, those that come beside others among them. Streams come first and
// models last: of two that clash, the later is told to give way.
func (p *Project) claims() []claim {
	var out []claim
	for _, s := range p.Streams {
		at := place{s.File, s.Line, 1}
		out = append(out, claim{name: s.Name, at: at})
		if !s.External {
			out = append(out, claim{s.Name + VersionsSuffix, at, true}, claim{s.Name + HistorySuffix, at, true})
		}
	}
	for _, s := range p.Seeds {
		out = append(out, claim{name: s.Name, at: place{file: s.File}})
	}
	for _, m := range p.Models {
		at := place{file: m.File}
		out = append(out, claim{name: m.Name, at: at})
		if len(m.Header.Rejects) > 0 {
			out = append(out, claim{m.Name + RejectsSuffix, place{m.File, m.Header.Rejects[0].Line, 1}, true})
		}
		if target := m.Header.Target; target != "" && target != m.Name {
			out = append(out, claim{name: target, at: at})
		}
	}
	return out
}

// checkClaims finds relations that two files make, also where PostgreSQL would only think them one, and those whose
// companions get no name.
func checkClaims(claims []claim) []Problem {
	var problems []Problem
	first := map[string]claim{}
	for _, c := range claims {
		if _, relation, _ := strings.Cut(c.name, "."); c.beside && len(relation) > maxNameBytes {
			problems = append(problems, c.at.problem(fmt.Sprintf("the name leaves no room for %s: PostgreSQL keeps %d bytes", c.name, maxNameBytes), "shorten it"))
			continue // what it would be cut to says no more
		}
		other, taken := first[kept(c.name)]
		if !taken {
			first[kept(c.name)] = c
			continue
		}
		switch {
		case other.at == c.at:
		case other.name == c.name:
			problems = append(problems, c.at.problem(fmt.Sprintf("%s makes %s as well", other.at, c.name), "rename one of them: a relation is made by one file"))
		default:
			problems = append(problems, c.at.problem(fmt.Sprintf("%s and %s of %s are one name to PostgreSQL: it keeps %d bytes", c.name, other.name, other.at, maxNameBytes), "shorten both"))
		}
	}
	return problems
}

// kept is the name as PostgreSQL keeps it.
func kept(name string) string {
	schema, relation, _ := strings.Cut(name, ".")
	return schema[:min(len(schema), maxNameBytes)] + "." + relation[:min(len(relation), maxNameBytes)]
}

// String is "file:line", or the file.
func (p place) String() string {
	if p.line == 0 {
		return p.file
	}
	return fmt.Sprintf("%s:%d", p.file, p.line)
}
