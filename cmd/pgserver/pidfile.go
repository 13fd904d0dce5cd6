package pgserver

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// nobodysPID is higher than any process number an operating system gives out.
const nobodysPID = 1<<22 + 1

// pidFile is postmaster.pid: what a server says about itself. The zero value means that there is none.
type pidFile struct {
	pid       int
	socketDir string
	status    string
}

func pidFilePath(dataDir string) string { return filepath.Join(dataDir, "postmaster.pid") }

func readPIDFile(dataDir string) (pidFile, error) {
	content, err := os.ReadFile(pidFilePath(dataDir))
	if errors.Is(err, fs.ErrNotExist) {
		return pidFile{}, nil
	}
	if errors.Is(err, fs.ErrPermission) {
		return pidFile{}, &Error{Kind: Privilege, Message: "the data belongs to another user", Hint: hintOwner, Err: err}
	}
	if err != nil {
		return pidFile{}, fmt.Errorf("read postmaster.pid: %w", err)
	}
	// Lines: pid, data directory, start time, port, socket directory, address, shared memory, status. A server that is
	// just starting has not written them all.
	lines := strings.Split(string(content), "\n")
	lines = append(lines, make([]string, 8)...)
	var file pidFile
	file.pid, _ = strconv.Atoi(strings.TrimSpace(lines[0])) // 0 for what is no number: no such process
	file.socketDir = strings.TrimSpace(lines[4])
	file.status = strings.TrimSpace(lines[7])
	return file, nil
}

func (f pidFile) ready() bool { return f.status == "ready" }

// alive tells whether the process is there and is a server: its number may have been given to another one since, and a
// dead process keeps its number until its parent has taken note.
func (f pidFile) alive() bool {
	return f.pid > 0 && occupied(f.pid) && isServer(f.pid)
}

// occupied tells whether the operating system knows the process, dead or not.
func occupied(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// disown makes a stale postmaster.pid harmless: PostgreSQL refuses to start while a process of that number is there,
// even a dead or a foreign one. The file stays, since by its other lines PostgreSQL finds out whether processes
// of the dead server still use the data. The caller holds the lock.
func disown(dataDir string) error {
	path := pidFilePath(dataDir)
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read postmaster.pid: %w", err)
	}
	_, rest, _ := strings.Cut(string(content), "\n")
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0) // in place: the file keeps its owner
	if err != nil {
		return classify(fmt.Errorf("write postmaster.pid: %w", err))
	}
	_, err = fmt.Fprintf(out, "%d\n%s", nobodysPID, rest)
	if err := errors.Join(err, out.Close()); err != nil {
		return classify(fmt.Errorf("write postmaster.pid: %w", err))
	}
	return nil
}
