package model

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// fileRole is what a file of the project is.
type fileRole int

const (
	modelRole fileRole = iota
	seedRole
	assertionRole
)

// limit is how large a file may be.
func (r fileRole) limit() int64 {
	if r == seedRole {
		return maxSeedBytes
	}
	return maxFileBytes
}

type projectFile struct {
	path   string
	role   fileRole
	beside bool // a seed has a YAML file beside it
}

// findFiles lists the files to read, and those that look as if they should be read.
func findFiles(fsys fs.FS) ([]projectFile, []Problem) {
	f := finder{fsys: fsys}
	f.walk(modelsFolder, f.inModels)
	f.walk(testsFolder, f.inTests)
	f.placeYAML()
	return f.files, f.problems
}

type finder struct {
	fsys     fs.FS
	files    []projectFile
	yaml     []string // under models, outside the folders of sources
	problems []Problem
}

func (f *finder) warn(file, message, hint string) {
	f.problems = append(f.problems, place{file: file}.warning(message, hint))
}

// walk calls visit for each file below root, in the order of names. What begins with a dot is none of ours.
func (f *finder) walk(root string, visit func(file string)) {
	err := fs.WalkDir(f.fsys, root, func(file string, entry fs.DirEntry, err error) error {
		hidden := file != root && strings.HasPrefix(path.Base(file), ".")
		switch {
		case errors.Is(err, fs.ErrNotExist) && file == root:
			return nil
		case err != nil:
			f.problems = append(f.problems, place{file: file}.problem("cannot be read: "+err.Error(), "check that the folder is readable"))
			return fs.SkipDir
		case entry.IsDir() && (hidden || entry.Name() == "testdata"):
			return fs.SkipDir
		case hidden || entry.IsDir():
			return nil
		case entry.Type()&fs.ModeSymlink != 0:
			f.link(file, visit)
			return nil
		case !entry.Type().IsRegular():
			f.warn(file, "is no regular file and is not read", "remove it")
			return nil
		}
		visit(file)
		return nil
	})
	if err != nil {
		f.problems = append(f.problems, place{file: root}.problem("cannot be read: "+err.Error(), ""))
	}
}

// link follows a symbolic link to a file inside the project.
func (f *finder) link(file string, visit func(file string)) {
	target, err := insideTarget(f.fsys, file)
	if err != nil {
		f.warn(file, "is a link that is not followed: "+err.Error(), "put a copy there, or link to a file of the project")
		return
	}
	info, err := fs.Lstat(f.fsys, target)
	switch {
	case err != nil:
		f.problems = append(f.problems, place{file: file}.problem("is a link to "+target+", which cannot be read", "repair or remove it"))
	case info.IsDir():
		f.warn(file, "is a link to a folder and is not followed", "put a folder there")
	default:
		visit(file)
	}
}

var errOutside = errors.New("it leads out of the project")

// insideTarget resolves a link without ever leaving the project.
func insideTarget(fsys fs.FS, file string) (string, error) {
	for range 8 {
		to, err := fs.ReadLink(fsys, file)
		if err != nil {
			return "", err
		}
		file = path.Join(path.Dir(file), to)
		if path.IsAbs(to) || !fs.ValidPath(file) {
			return "", errOutside
		}
		if folder := path.Dir(file); throughLink(fsys, folder) {
			return "", fmt.Errorf("it leads through another link in %s", folder)
		}
		info, err := fs.Lstat(fsys, file)
		if err != nil || info.Mode()&fs.ModeSymlink == 0 {
			return file, nil
		}
	}
	return "", errors.New("it leads in a circle")
}

func throughLink(fsys fs.FS, folder string) bool {
	for ; folder != "."; folder = path.Dir(folder) {
		if info, err := fs.Lstat(fsys, folder); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			return true
		}
	}
	return false
}

func (f *finder) inModels(file string) {
	switch ext := path.Ext(file); {
	case ext == ".sql":
		f.files = append(f.files, projectFile{path: file, role: modelRole})
	case ext == ".csv":
		f.files = append(f.files, projectFile{path: file, role: seedRole})
	case ext == ".go" || ext == ".md":
	case ext == ".yml" && path.Base(path.Dir(file)) == sourceFolder:
	case ext == ".yml":
		f.yaml = append(f.yaml, file)
	default:
		f.nearMiss(file, ext)
	}
}

// inTests reads assertions only: Go code, scripts and their data live there too.
func (f *finder) inTests(file string) {
	switch ext := path.Ext(file); {
	case ext == ".sql":
		f.files = append(f.files, projectFile{path: file, role: assertionRole})
		for part := range strings.SplitSeq(strings.TrimSuffix(file, ext), "/") {
			if !legalName.MatchString(part) {
				f.problems = append(f.problems, place{file: file}.problem(fmt.Sprintf("%q cannot be part of an assertion's name", part), "use lower-case letters, digits and _"))
			}
		}
	case strings.EqualFold(ext, ".sql"), ext == ".yaml":
		f.nearMiss(file, ext)
	}
}

// nearMiss warns of a file that nothing reads.
func (f *finder) nearMiss(file, ext string) {
	hint := "models are .sql, seeds .csv, sources .yml; move other files away"
	for right, wrong := range map[string][]string{".sql": {".SQL", ".psql", ".pgsql"}, ".yml": {".yaml", ".YML"}, ".csv": {".CSV"}} {
		if slices.Contains(wrong, ext) {
			hint = "name it " + strings.TrimSuffix(path.Base(file), ext) + right
		}
	}
	f.warn(file, "is not read", hint)
}

// placeYAML gives each YAML file to the seed of its name.
func (f *finder) placeYAML() {
	for _, file := range f.yaml {
		i := slices.IndexFunc(f.files, func(s projectFile) bool { return s.role == seedRole && seedYAML(s.path) == file })
		if i < 0 {
			f.warn(file, "is not read", fmt.Sprintf("sources belong into a folder %s; the description of a seed stands beside its CSV, and that of a model in its header", sourceFolder))
			continue
		}
		f.files[i].beside = true
	}
}
