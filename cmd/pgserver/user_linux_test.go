package pgserver

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestStart_asRootRunsTheServerAsAnotherUser(t *testing.T) {
	t.Parallel()
	needRoot(t)
	server := mustStart(t, made(t))
	require.NotZero(t, userOf(t, server.PID))
	owner, err := ownerOf(server.DataDir)
	require.NoError(t, err)
	require.Equal(t, userOf(t, server.PID), owner)
}

func TestStart_asRootUsesANamespaceWhereOthersCannotReachTheData(t *testing.T) {
	t.Parallel()
	needRoot(t)
	dir := place(t)
	require.NoError(t, os.Chmod(dir, 0o700))
	server := mustStart(t, dataIn(dir))
	require.Zero(t, userOf(t, server.PID))
	require.Equal(t, "42", query(t, server.URL(), "select '42'"))
	require.NoError(t, server.Stop(t.Context()))
	require.True(t, mustStart(t, server.DataDir).Started, "again, on data that root has")
}

func TestStart_asRootUsesANamespaceWhereItMayNotBecomeAnother(t *testing.T) {
	t.Parallel()
	needRoot(t)
	dataDir := dataIn(place(t))
	answer := said(t, other(t, "unable", dataDir))
	require.NotEmpty(t, answer["pid"], answer)
	owner, err := ownerOf(dataDir)
	require.NoError(t, err)
	require.Zero(t, owner)
	require.Equal(t, "42", query(t, answer["url"], "select '42'"))
}

func TestStart_asAnOrdinaryUser(t *testing.T) {
	t.Parallel()
	needRoot(t) // to become one
	for name, uid := range map[string]int{"with a name": 65534, "without a name": 54321} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := place(t)
			require.NoError(t, os.Chown(dir, uid, uid))
			require.NoError(t, os.Chmod(dir, 0o700))
			dataDir := dataIn(dir)
			answer := said(t, as(t, uid, other(t, "start", dataDir)))
			require.NotEmpty(t, answer["pid"], answer)
			pid, err := strconv.Atoi(answer["pid"])
			require.NoError(t, err)
			require.Equal(t, uid, userOf(t, pid))
			require.Equal(t, "42", query(t, answer["url"], "select '42'"))
		})
	}
}

func TestStart_refusesDataOfAnotherUser(t *testing.T) {
	t.Parallel()
	needRoot(t)
	dataDir := pretended(t)
	answer := said(t, as(t, 65534, other(t, "start", dataDir)))
	require.Equal(t, string(Privilege), answer["kind"], answer)
}

func TestStart_refusesADirectoryThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	needRoot(t) // root itself can write everywhere
	dir := place(t)
	require.NoError(t, os.Mkdir(filepath.Join(dir, ".terrace"), 0o755))
	answer := said(t, as(t, 65534, other(t, "start", dataIn(dir))))
	require.Equal(t, string(ReadOnly), answer["kind"], answer)
}

func TestStart_refusesAReadOnlyFileSystem(t *testing.T) {
	t.Parallel()
	needRoot(t)
	dataDir := pretended(t)
	parent := filepath.Dir(dataDir)
	mount(t, parent, parent, "", unix.MS_BIND, "")
	mount(t, "", parent, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, "")
	require.Equal(t, ReadOnly, refused(t, Options{DataDir: dataDir}).Kind)
}

func TestStart_saysThatTheDiskIsFull(t *testing.T) {
	t.Parallel()
	needRoot(t)
	dir := filepath.Join(place(t), "full")
	require.NoError(t, os.Mkdir(dir, 0o755))
	mount(t, "tmpfs", dir, "tmpfs", 0, "size=70m,mode=0755")
	dataDir := dataIn(dir)
	stopAfter(t, dataDir)

	filler := filepath.Join(dir, "filler")
	require.NoError(t, os.WriteFile(filler, make([]byte, 60<<20), 0o600))
	require.Equal(t, DiskFull, refused(t, Options{DataDir: dataDir}).Kind, "while the database is made")
	require.NoDirExists(t, dataDir)

	require.NoError(t, os.Remove(filler))
	server := mustStart(t, dataDir)
	execute(t, server.URL(), "create table kept as select 42 as n")
	require.NoError(t, server.Stop(t.Context()))
	require.Error(t, os.WriteFile(filler, make([]byte, 70<<20), 0o600))
	require.Equal(t, DiskFull, refused(t, Options{DataDir: dataDir}).Kind, "while it starts")

	require.NoError(t, os.Remove(filler))
	require.Equal(t, "42", query(t, mustStart(t, dataDir).URL(), "select n::text from kept"))
}

// execUnable starts this program anew, without the right to become another user.
func execUnable() error {
	for _, capability := range []uintptr{unix.CAP_SETUID, unix.CAP_SETGID} {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0); err != nil {
			return err
		}
	}
	return syscall.Exec(os.Args[0], os.Args, os.Environ())
}

// as makes a process another user's. The tests' program is copied to where that user can run it.
func as(t *testing.T, uid int, cmd *exec.Cmd) *exec.Cmd {
	t.Helper()
	program, err := os.ReadFile(cmd.Path)
	require.NoError(t, err)
	cmd.Path = filepath.Join(place(t), "program")
	writeProgram(t, cmd.Path, program)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	return cmd
}

func userOf(t *testing.T, pid int) int {
	t.Helper()
	info, err := os.Stat("/proc/" + strconv.Itoa(pid))
	require.NoError(t, err)
	return int(info.Sys().(*syscall.Stat_t).Uid)
}

func mount(t *testing.T, source, target, kind string, flags uintptr, data string) {
	t.Helper()
	if err := unix.Mount(source, target, kind, flags, data); err != nil {
		t.Skipf("may not mount: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(target, unix.MNT_DETACH) })
}
