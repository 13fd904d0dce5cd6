package pgserver

import (
	"errors"
	"strings"
	"syscall"
)

// Kind tells what is in the way.
type Kind string

// The kinds of errors.
const (
	NoBinaries   Kind = "no binaries"   // no PostgreSQL server of a version that we can use on this machine
	WrongVersion Kind = "wrong version" // the data belongs to another major version than the binaries found
	DiskFull     Kind = "disk full"
	ReadOnly     Kind = "read only" // the directory cannot be written
	InUse        Kind = "in use"    // the socket or the data is another server's
	Socket       Kind = "socket"    // its path is too long, or it cannot be made
	Privilege    Kind = "privilege" // the user may not run a server there, or is root and cannot become another
	Damaged      Kind = "damaged"   // the directory holds something else, or data that does not open
	Failed       Kind = "failed"    // the server did not start, for a reason of its own
)

// Error is a server that cannot be had: what is in the way, and what to do about it.
type Error struct {
	Kind    Kind
	Message string
	Hint    string
	Err     error // what the system or the server said, or nil
}

// Error is the message and what the system or the server said.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Message
	}
	return e.Message + ": " + e.Err.Error()
}

// Unwrap returns what the system or the server said.
func (e *Error) Unwrap() error { return e.Err }

// reason is something that a server says, or the operating system, and what it means.
type reason struct {
	errno syscall.Errno
	text  string
	kind  Kind
	means string
	hint  string
}

const (
	hintSpace   = "Free some space on that disk, then try again: nothing was lost."
	hintWrite   = "Make the project's .terrace directory writable for you, or set TERRACE_DATABASE_URL to use another database."
	hintOwner   = "Run terrace as the user who made the directory, or as root."
	hintHeld    = "Wait until they have ended, or end them; a server in another container is stopped there, by terrace db stop."
	hintSocket  = "Stop the server that has it, or remove the file."
	hintMode    = "Run chmod 0700 on the data directory."
	hintBuild   = "Set TERRACE_PG_BIN to the folder of the PostgreSQL that made it."
	hintDamaged = "Restore it from a backup; or move the directory away, and terrace makes a new one and reads the sources again."
)

// reasons, most telling first.
var reasons = []reason{
	{syscall.ENOSPC, "No space left on device", DiskFull, "the disk is full", hintSpace},
	{syscall.EDQUOT, "Disk quota exceeded", DiskFull, "the disk quota is used up", hintSpace},
	{syscall.EROFS, "Read-only file system", ReadOnly, "the file system is read-only", hintWrite},
	{0, "database files are incompatible with server", WrongVersion, "another build of PostgreSQL made the data", hintBuild},
	{0, "has wrong ownership", Privilege, "the data belongs to another user", hintOwner},
	{0, "has invalid permissions", Privilege, "others may read the data, which PostgreSQL refuses", hintMode},
	{0, "pre-existing shared memory block", InUse, "processes of a server that crashed still use the data", hintHeld},
	{0, "could not create any Unix-domain sockets", Socket, "the socket cannot be made", hintSocket},
	{0, "could not locate a valid checkpoint record", Damaged, "the data is damaged", hintDamaged},
	{0, "pg_control", Damaged, "the data is damaged", hintDamaged},
	{0, "the server configuration file", Damaged, "the data is damaged", hintDamaged},
	{0, "could not find the database system", Damaged, "the data is damaged", hintDamaged},
	{syscall.EACCES, "Permission denied", ReadOnly, "permission denied", hintWrite},
	{syscall.EPERM, "Operation not permitted", Privilege, "the operating system does not permit it", hintOwner},
}

// classify gives an error of the operating system its meaning, and leaves alone what it does not know.
func classify(err error) error {
	for _, r := range reasons {
		if r.errno != 0 && errors.Is(err, r.errno) {
			return &Error{Kind: r.kind, Message: r.means, Hint: r.hint, Err: err}
		}
	}
	return err
}

// explain gives the output of initdb or postgres its meaning.
func explain(what, output, log string) *Error {
	failed := &Error{Kind: Failed, Message: what, Hint: "Its log says more: " + log, Err: errors.New(lastWords(output))}
	for _, r := range reasons {
		if strings.Contains(output, r.text) {
			failed.Kind, failed.Message, failed.Hint = r.kind, what+": "+r.means, r.hint
			break
		}
	}
	return failed
}

// lastWords picks the lines that say why, from a log that may end in hints and notices.
func lastWords(output string) string {
	var telling []string
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		for _, mark := range []string{"FATAL:", "PANIC:", "error:"} {
			if _, said, found := strings.Cut(line, mark); found {
				telling = append(telling, strings.TrimSpace(said))
			}
		}
	}
	if len(telling) == 0 {
		lines := strings.Split(strings.TrimSpace(output), "\n")
		return strings.Join(lines[max(0, len(lines)-3):], "; ")
	}
	return strings.Join(telling, "; ")
}
