package pgserver

import (
	"fmt"
	"io/fs"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestExplain_knowsWhatServersSay(t *testing.T) {
	t.Parallel()
	for log, kind := range map[string]Kind{
		`FATAL:  could not create lock file "postmaster.pid": Read-only file system`:    ReadOnly,
		`PANIC:  could not write to file "pg_wal/xlogtemp.7": No space left on device`:  DiskFull,
		`FATAL:  database files are incompatible with server`:                           WrongVersion,
		`FATAL:  data directory "/x" has wrong ownership`:                               Privilege,
		`FATAL:  data directory "/x" has invalid permissions`:                           Privilege,
		`FATAL:  pre-existing shared memory block (key 1, ID 2) is still in use`:        InUse,
		`FATAL:  could not create any Unix-domain sockets`:                              Socket,
		`PANIC:  could not locate a valid checkpoint record`:                            Damaged,
		`PANIC:  could not open file "/x/global/pg_control": No such file or directory`: Damaged,
		`initdb: error: could not create directory "/x": Permission denied`:             ReadOnly,
		`FATAL:  unrecognized configuration parameter "nonsense"`:                       Failed,
	} {
		failed := explain("the server did not start", "2026-11-21 07:39:50 UTC [1] LOG:  starting\n2026-11-21 07:39:51 UTC [1] "+log+"\n", "/x.log")
		require.Equal(t, kind, failed.Kind, log)
		require.NotEmpty(t, failed.Hint, log)
		require.NotContains(t, failed.Error(), "LOG:", log)
	}
}

func TestExplain_showsTheEndOfALogThatNamesNoError(t *testing.T) {
	t.Parallel()
	failed := explain("the server did not start", "one\ntwo\nthree\nfour\n", "/x.log")
	require.EqualError(t, failed, "the server did not start: two; three; four")
	require.Contains(t, failed.Hint, "/x.log")
}

func TestClassify_keepsTheSystemsError(t *testing.T) {
	t.Parallel()
	for errno, kind := range map[syscall.Errno]Kind{
		syscall.ENOSPC: DiskFull,
		syscall.EROFS:  ReadOnly,
		syscall.EACCES: ReadOnly,
		syscall.EPERM:  Privilege,
	} {
		err := classify(&fs.PathError{Op: "mkdir", Path: "/x", Err: errno})
		var failed *Error
		require.ErrorAs(t, err, &failed)
		require.Equal(t, kind, failed.Kind)
		require.ErrorIs(t, err, errno)
	}
	unknown := fmt.Errorf("mkdir: %w", syscall.EIO)
	require.Equal(t, unknown, classify(unknown))
}
