package extract

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	slashpath "path"
	"regexp"
	"slices"
	"strings"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

// maxNameBytes is PostgreSQL's limit for identifiers.
const maxNameBytes = 63

var plainIdentifier = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// Load reads every models/<domain>/ods/*.yml of a project. ${NAME} is filled in from lookupEnv; ${env:NAME} is left for
// the moment of reading. It returns what could be read, sorted by file, and every mistake, sorted by place: sources
// must not be used when strict.HasErrors says so.
func Load(fsys fs.FS, lookupEnv func(string) (string, bool)) ([]*Source, []strict.Problem) {
	l := &loader{fsys: fsys, env: lookupEnv, streams: map[string]place{}, sources: map[string]place{}}
	files, err := sourceFiles(fsys)
	if err != nil {
		l.problems = append(l.problems, strict.Problem{File: "models", Severity: strict.Error, Message: err.Error()})
	}
	for _, file := range files {
		l.load(file)
	}
	l.bindParents()
	l.bindReplays()
	return l.loaded, strict.Sort(l.problems)
}

// sourceFiles lists the YAML files directly in folders named ods. What begins with a dot is none of ours: editors and systems
// leave such files beside others.
func sourceFiles(fsys fs.FS) ([]string, error) {
	var files []string
	err := fs.WalkDir(fsys, "models", func(file string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && file == "models" {
			return fs.SkipAll
		}
		if err != nil {
			return fmt.Errorf("list source files: %w", err)
		}
		hidden := strings.HasPrefix(entry.Name(), ".")
		if entry.IsDir() && (hidden || entry.Name() == "testdata") {
			return fs.SkipDir
		}
		if !hidden && !entry.IsDir() && slashpath.Base(slashpath.Dir(file)) == "ods" && slashpath.Ext(file) == ".yml" {
			files = append(files, file)
		}
		return nil
	})
	slices.Sort(files)
	return files, err
}

// loader collects what the files say.
type loader struct {
	fsys     fs.FS
	env      func(string) (string, bool)
	loaded   []*Source
	problems []strict.Problem
	streams  map[string]place
	sources  map[string]place
	parents  []pendingParent
	replays  []pendingReplay
}

// place is where a name was first declared.
type place struct {
	file   string
	line   int
	stream *Stream
}

func (l *loader) load(file string) {
	text, err := fs.ReadFile(l.fsys, file)
	if err != nil {
		l.problems = append(l.problems, strict.Problem{File: file, Severity: strict.Error, Message: err.Error()})
		return
	}
	var decl sourceDecl
	problems := strict.Source{File: file, Text: text, Env: l.env}.Decode(&decl)
	b := &builder{file: file, decl: &decl, problems: problems}
	source := b.source(schemaOf(file))
	if !decl.Type.IsZero() && decl.Type.Value == "" {
		b.problems = problems // what the rest should be depends on the type, which is wrong
	}
	l.declare(b, source)
	l.problems = append(l.problems, b.problems...)
	l.parents = append(l.parents, b.parents...)
	l.replays = append(l.replays, b.replays...)
	l.loaded = append(l.loaded, source)
}

// schemaOf joins the folders between models and ods, and ods itself: models/a/b/ods/x.yml gives a_b_ods.
func schemaOf(file string) string {
	folder := strings.TrimPrefix(slashpath.Dir(file), "models/")
	return strings.ReplaceAll(folder, "/", "_")
}

// declare refuses names that two files give.
func (l *loader) declare(b *builder, source *Source) {
	if source.Name != "" {
		if first, taken := l.sources[source.Name]; taken {
			b.fail(b.decl.Source.Pos, fmt.Sprintf("source %s is declared twice", source.Name),
				fmt.Sprintf("it is first in %s:%d; limits and tokens belong to the name, so choose another", first.file, first.line))
		} else {
			l.sources[source.Name] = place{file: source.File, line: b.decl.Source.Line}
		}
	}
	for i, stream := range source.Streams {
		if first, taken := l.streams[stream.Name]; taken {
			b.fail(b.decl.Streams[i].Pos, fmt.Sprintf("stream %s is declared twice", stream.Name),
				fmt.Sprintf("it is first in %s:%d", first.file, first.line))
			continue
		}
		l.streams[stream.Name] = place{file: source.File, line: stream.Line, stream: stream}
	}
}

// pendingParent is a stream whose parent may stand in a file that is read later.
type pendingParent struct {
	child *Stream
	decl  parentDecl
}

// bindParents finds the parents, once all files have been read.
func (l *loader) bindParents() {
	for _, p := range l.parents {
		b := &builder{file: p.child.Source.File}
		b.bindParent(p, l.streams)
		l.problems = append(l.problems, b.problems...)
	}
}

// find gives a stream by its whole name.
func (b *builder) find(at strict.Pos, name string, streams map[string]place) (place, bool) {
	found, ok := streams[name]
	if !ok {
		known := slices.Sorted(maps.Keys(streams))
		b.fail(at, fmt.Sprintf("there is no stream %s", name), strict.Suggest(name, known, "there are "))
	}
	return found, ok
}

func (b *builder) bindParent(p pendingParent, streams map[string]place) {
	name := p.decl.Stream.Value
	if !strings.Contains(name, ".") {
		name = p.child.Source.Schema + "." + name
	}
	found, ok := b.find(p.decl.Stream.Pos, name, streams)
	if !ok {
		return
	}
	if found.stream == p.child {
		b.fail(p.decl.Stream.Pos, "a stream cannot be its own parent", "")
		return
	}
	keys := slices.Clone(p.decl.Keys)
	slices.SortFunc(keys, func(x, y strict.Entry[strict.String]) int { return cmp.Compare(x.Key, y.Key) })
	out := &parent{stream: name, concurrency: max(p.decl.Concurrency.Value, 1)}
	for _, k := range keys {
		numeric, ok := found.stream.keyColumn(k.Value.Value)
		if !ok {
			b.fail(k.Value.Pos, fmt.Sprintf("%s has no key column %q", name, k.Value.Value),
				strict.Suggest(k.Value.Value, found.stream.keyNames(), "there are "))
		}
		out.names = append(out.names, k.Key)
		out.columns = append(out.columns, k.Value.Value)
		out.numeric = append(out.numeric, numeric)
	}
	p.child.parent = out
}

// keyColumn reports whether the stream's key has the column, and whether it is a number.
func (s *Stream) keyColumn(name string) (numeric, ok bool) {
	for _, k := range s.Landing.Key {
		if k.Name == name {
			return slices.Contains([]string{"smallint", "integer", "int", "bigint", "numeric"}, k.Type), true
		}
	}
	return false, slices.Contains(s.Key, name)
}

func (s *Stream) keyNames() []string {
	names := slices.Clone(s.Key)
	for _, k := range s.Landing.Key {
		names = append(names, k.Name)
	}
	return names
}
