//go:build !linux

package pgserver

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// isServer tells whether the process is a PostgreSQL server that has not ended.
func isServer(pid int) bool {
	said, err := exec.Command("ps", "-o", "stat=,comm=", "-p", strconv.Itoa(pid)).Output()
	state, name, _ := strings.Cut(strings.TrimSpace(string(said)), " ")
	return err == nil && !strings.HasPrefix(state, "Z") && filepath.Base(strings.TrimSpace(name)) == "postgres"
}

// dieWithParent does nothing here: only Linux tells a process of its parent's end.
func dieWithParent(*syscall.SysProcAttr, syscall.Signal) {}

// inNamespace is for Linux only; nil says that there is no such thing.
func inNamespace(int) *syscall.SysProcAttr { return nil }
