package main

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// template is the project that terrace init makes.
//
//go:embed all:template
var template embed.FS

// templateName stands for the project's name in the template.
const templateName = "project_name"

// InitCmd is terrace init.
type InitCmd struct {
	Dir string `arg:"" help:"Folder to make, or an empty one."`
}

// Run implements the command. It writes only into a folder that has nothing in it.
func (c *InitCmd) Run(a *App) error {
	if c.Dir == "" {
		return &inputError{message: "the folder has no name", hint: "terrace init DIR makes a project in DIR; . is this folder."}
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return fmt.Errorf("find folder %s: %w", c.Dir, err)
	}
	if err := requireEmpty(c.Dir, dir); err != nil {
		return err
	}
	files, err := writeTemplate(dir, projectName(filepath.Base(dir)))
	if err != nil {
		return err
	}
	if a.JSON {
		return a.printJSON(map[string]any{"dir": dir, "files": files})
	}
	a.printf("made a project of %d files in %s\n\nnext:", len(files), c.Dir)
	if c.Dir != "." {
		a.printf("  cd %s", quoted(c.Dir))
	}
	a.printf("  terrace update                 # land the files of data/, build the models, judge them\n" +
		"  terrace preview daily_sales    # look at what was made\n\n" +
		"README.md goes on from there.")
	return nil
}

// quoted writes a path as a shell reads it.
func quoted(path string) string {
	if plainPath.MatchString(path) {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

var plainPath = regexp.MustCompile(`^[\p{L}\p{N}_./:@%+,-]+$`)

// requireEmpty lets pass a folder that is missing, empty, or freshly under version control.
func requireEmpty(named, dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return &inputError{message: fmt.Sprintf("%s is no folder that can be read: %v", named, errors.Unwrap(err)), hint: "Name a new folder."}
	}
	if _, err := os.Stat(filepath.Join(dir, "terrace.yml")); err == nil {
		return &inputError{message: named + " is a project already", hint: "Name a new folder, or go there and run terrace check."}
	}
	for _, entry := range entries {
		if entry.Name() != ".git" {
			return &inputError{
				message: fmt.Sprintf("%s is not empty: it has %s in it", named, entry.Name()),
				hint:    fmt.Sprintf("Name a new folder, such as %s, and move over what you keep.", filepath.Join(named, "warehouse")),
			}
		}
	}
	return nil
}

// writeTemplate returns the files that it wrote, sorted, their paths relative to the folder.
func writeTemplate(dir, name string) ([]string, error) {
	var files []string
	root, err := fs.Sub(template, "template")
	if err != nil {
		return nil, fmt.Errorf("read the template: %w", err)
	}
	err = fs.WalkDir(root, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(dir, filepath.FromSlash(path))
		if entry.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		content, err := fs.ReadFile(root, path)
		if err != nil {
			return err
		}
		files = append(files, path)
		return os.WriteFile(target, []byte(strings.ReplaceAll(string(content), templateName, name)), 0o644)
	})
	if err != nil {
		return nil, &surroundingsError{err: fmt.Errorf("write the project: %w", err), hint: "Name a folder that can be written."}
	}
	return files, nil
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// projectName makes a plain name of a folder's.
func projectName(folder string) string {
	if name := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(folder), "_"), "_"); name != "" {
		return name
	}
	return "warehouse"
}
