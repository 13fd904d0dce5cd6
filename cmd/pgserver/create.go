package pgserver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// made tells whether the data directory holds a database, and of which major version.
func (o Options) made() (major string, err error) {
	content, err := os.ReadFile(filepath.Join(o.DataDir, "PG_VERSION"))
	if err == nil {
		return strings.TrimSpace(string(content)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", classify(fmt.Errorf("read PG_VERSION: %w", err))
	}
	entries, err := os.ReadDir(o.DataDir)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", classify(fmt.Errorf("read %s: %w", o.DataDir, err))
	}
	if len(entries) > 0 {
		return "", &Error{
			Kind:    Damaged,
			Message: fmt.Sprintf("%s holds something else than a PostgreSQL database", o.DataDir),
			Hint:    "Move it away, then try again.",
		}
	}
	return "", nil
}

// create makes the database in a directory beside its place and moves it there when it is whole, so that an end at any
// moment leaves none or a whole one. The caller holds the lock.
func (o Options) create(ctx context.Context, id identity, bin string) error {
	o.Logger.Info("making a database", "directory", o.DataDir)
	aside := o.DataDir + ".new"
	if err := os.RemoveAll(aside); err != nil {
		return classify(fmt.Errorf("remove an unfinished database: %w", err))
	}
	if err := o.fill(ctx, id, bin, aside); err != nil {
		return errors.Join(err, os.RemoveAll(aside))
	}
	if err := removeIfThere(o.DataDir); err != nil { // an empty directory: there is nothing else, or we would not make one
		return err
	}
	if err := os.Rename(aside, o.DataDir); err != nil {
		return classify(fmt.Errorf("move the database to its place: %w", err))
	}
	return nil
}

func (o Options) fill(ctx context.Context, id identity, bin, dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return classify(fmt.Errorf("make %s: %w", dir, err))
	}
	if err := id.give(dir); err != nil {
		return classify(fmt.Errorf("give %s to user %d: %w", dir, id.uid, err))
	}
	output, err := o.initdb(ctx, id, bin, dir, "C.UTF-8")
	if err != nil && strings.Contains(output, "invalid locale") { // macOS and older Linux have no C.UTF-8
		if err := empty(dir); err != nil {
			return classify(err)
		}
		output, err = o.initdb(ctx, id, bin, dir, "C")
	}
	if ctx.Err() != nil {
		return fmt.Errorf("make a database: %w", context.Cause(ctx))
	}
	if err != nil {
		return explain("cannot make a database in "+o.DataDir, output+err.Error(), "run initdb by hand")
	}
	return nil
}

func (o Options) initdb(ctx context.Context, id identity, bin, dir, locale string) (string, error) {
	args := []string{
		"--pgdata=" + dir, "--username=" + User, "--auth=trust", "--encoding=UTF8", "--locale=" + locale,
		"--no-instructions",
	}
	if o.Throwaway {
		args = append(args, "--no-sync")
	}
	cmd := id.command(ctx, o.LookupEnv, filepath.Join(bin, "initdb"), args...)
	dieWithParent(cmd.SysProcAttr, syscall.SIGKILL)
	var output strings.Builder
	cmd.Stdout, cmd.Stderr = &output, &output
	err := runOnThread(cmd)
	return output.String(), err
}

// empty removes what is in a directory.
func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, entry := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, entry.Name())))
	}
	return err
}
