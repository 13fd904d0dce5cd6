package model

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

const (
	modelsFolder = "models"
	testsFolder  = "tests"
	sourceFolder = "ods" // the folder whose YAML files declare sources
)

const (
	// maxFileBytes is far above any query that people write.
	maxFileBytes = 4 << 20
	// maxSeedBytes is what a small table may be.
	maxSeedBytes = 32 << 20
)

// Options say what a project is read with. The zero value reads a project without environment variables or streams.
type Options struct {
	// LookupEnv gives the value of an environment variable; nil knows none.
	LookupEnv func(string) (string, bool)
	// Streams are the relations that extraction fills, which models may depend on.
	Streams []Stream
	// Environment is the entry of environments whose settings apply, or "".
	Environment string
}

// Load reads the project in fsys and every mistake in it, sorted by place. It looks at headers and names, and leaves
// what needs the SQL to be parsed to CheckSQL. With an error among the problems the project holds what could be read.
func Load(fsys fs.FS, opts Options) (*Project, []Problem) {
	config, problems := ReadConfig(fsys, opts)
	p := &Project{Config: config, Streams: slices.Clone(opts.Streams)}
	if _, err := fs.Stat(fsys, configFile); err != nil {
		return p, problems
	}
	files, found := findFiles(fsys)
	problems = append(problems, found...)
	for _, r := range readAll(fsys, files) {
		problems = append(problems, r.problems...)
		p.add(r)
	}
	p.sort()
	problems = append(problems, checkClaims(p.claims())...)
	problems = append(problems, p.checkColocated()...)
	problems = append(problems, p.resolve()...)
	return p, strict.Sort(problems)
}

// readFile is what one file gave: a model, an assertion or a seed.
type readFile struct {
	model     *Model
	assertion *Assertion
	seed      *Seed
	problems  []Problem
}

// readAll reads the files, as many at once as there are processors. The results have the files' order.
func readAll(fsys fs.FS, files []projectFile) []readFile {
	out := make([]readFile, len(files))
	inParallel(len(files), func(i int) { out[i] = readOne(fsys, files[i]) })
	return out
}

func readOne(fsys fs.FS, f projectFile) readFile {
	text, problem, ok := readText(fsys, f.path, f.role.limit())
	if !ok {
		return readFile{problems: []Problem{problem}}
	}
	switch f.role {
	case assertionRole:
		a, problems := parseAssertion(f.path, text)
		a.Name = assertionName(f.path)
		return readFile{assertion: a, problems: problems}
	case seedRole:
		return readSeed(fsys, f, text)
	default:
		m, problems := parseModel(f.path, text)
		m.Schema, m.Relation = relationOf(f.path)
		m.Name = m.Schema + "." + m.Relation
		return readFile{model: m, problems: append(problems, checkPath(f.path)...)}
	}
}

func readSeed(fsys fs.FS, f projectFile, text []byte) readFile {
	var description []byte
	if f.beside {
		var problem Problem
		var ok bool
		if description, problem, ok = readText(fsys, seedYAML(f.path), maxFileBytes); !ok {
			return readFile{problems: []Problem{problem}}
		}
	}
	s, problems := parseSeed(f.path, text, description)
	s.Schema, s.Relation = relationOf(f.path)
	s.Name = s.Schema + "." + s.Relation
	return readFile{seed: &s, problems: append(problems, checkPath(f.path)...)}
}

// readText reads a file of bearable size.
func readText(fsys fs.FS, file string, limit int64) ([]byte, Problem, bool) {
	text, err := readUpTo(fsys, file, limit)
	switch {
	case err != nil:
		return nil, place{file: file}.problem("cannot be read: "+err.Error(), "check that the file is readable"), false
	case int64(len(text)) > limit:
		return nil, place{file: file}.problem(fmt.Sprintf("the file is larger than %d MB", limit>>20), "a query is shorter, and larger tables are streams of type files"), false
	default:
		return text, Problem{}, true
	}
}

// readUpTo reads the file, or one byte more than the limit. Knowing the size beforehand saves a third of the system
// calls, which are most of the time that a large project takes.
func readUpTo(fsys fs.FS, file string, limit int64) ([]byte, error) {
	f, err := fsys.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	text := make([]byte, min(info.Size(), limit+1))
	n, err := io.ReadFull(f, text)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = nil // it became shorter meanwhile
	}
	return text[:n], err
}

// assertionName is the path below tests/ without the extension, joined by dots.
func assertionName(file string) string {
	inside := strings.TrimPrefix(file, testsFolder+"/")
	return strings.ReplaceAll(strings.TrimSuffix(inside, path.Ext(inside)), "/", ".")
}

func (p *Project) add(r readFile) {
	switch {
	case r.model != nil:
		p.Models = append(p.Models, r.model)
	case r.assertion != nil:
		p.Assertions = append(p.Assertions, r.assertion)
	case r.seed != nil:
		p.Seeds = append(p.Seeds, *r.seed)
	}
}

func (p *Project) sort() {
	slices.SortFunc(p.Streams, func(a, b Stream) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(p.Seeds, func(a, b Seed) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(p.Models, func(a, b *Model) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.File, b.File)) })
	slices.SortFunc(p.Assertions, func(a, b *Assertion) int { return cmp.Compare(a.Name, b.Name) })
}

// resolve connects what models and assertions name with the project's nodes.
func (p *Project) resolve() []Problem {
	c := p.catalog()
	var problems []Problem
	for _, m := range p.Models {
		problems = append(problems, c.resolve(m.File, "depends_on", m.Header.DependsOn)...)
	}
	for _, a := range p.Assertions {
		problems = append(problems, c.resolve(a.File, "on", a.On)...)
	}
	return problems
}
