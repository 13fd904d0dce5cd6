package pgserver

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// isServer tells whether the process is a PostgreSQL server that has not ended.
func isServer(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	// "1234 (postgres) S …"; the name may itself hold a bracket.
	name, rest, found := cutLast(string(stat), ") ")
	return found && strings.HasSuffix(name, "(postgres") && !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

func cutLast(s, separator string) (before, after string, found bool) {
	i := strings.LastIndex(s, separator)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(separator):], true
}

// dieWithParent makes the operating system send the signal when the thread that starts the process ends.
func dieWithParent(attr *syscall.SysProcAttr, signal syscall.Signal) { attr.Pdeathsig = signal }

// inNamespace makes a process that is uid in a user namespace of its own and the caller outside of it.
func inNamespace(uid int) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: uid, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: uid, HostID: os.Getegid(), Size: 1}},
	}
}
