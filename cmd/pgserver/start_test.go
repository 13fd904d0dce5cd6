package pgserver

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStart_makesStartsReusesAndStops(t *testing.T) {
	t.Parallel()
	dataDir := dataIn(place(t))
	first := mustStart(t, dataDir)
	require.True(t, first.Started)
	execute(t, first.URL(), "create table kept as select 42 as n")
	require.Equal(t, "on", query(t, first.URL(), "show fsync"))
	require.Empty(t, query(t, first.URL(), "show listen_addresses"))
	require.Equal(t, "UTF8", query(t, first.URL(), "show server_encoding"))

	second := mustStart(t, dataDir)
	require.False(t, second.Started)
	require.Equal(t, first.PID, second.PID)
	require.Equal(t, first.URL(), second.URL())

	require.NoError(t, second.Stop(t.Context()))
	require.NoDirExists(t, second.RunDir)
	running, err := Running(dataDir)
	require.NoError(t, err)
	require.Nil(t, running)
	require.NoError(t, Stop(t.Context(), dataDir), "stopping what is stopped")

	third := mustStart(t, dataDir)
	require.True(t, third.Started)
	require.Equal(t, "42", query(t, third.URL(), "select n::text from kept"))
}

func TestStart_startsOneWhenManyProcessesCome(t *testing.T) {
	t.Parallel()
	dataDir := dataIn(place(t))
	var wait sync.WaitGroup
	answers := make([]map[string]string, 4)
	for i := range answers {
		cmd := other(t, "start", dataDir)
		wait.Go(func() { answers[i] = said(t, cmd) })
	}
	wait.Wait()
	started := 0
	for _, answer := range answers {
		require.NotEmpty(t, answer["pid"], answer)
		require.Equal(t, answers[0]["pid"], answer["pid"])
		if answer["started"] == "true" {
			started++
		}
	}
	require.Equal(t, 1, started)
	require.Equal(t, "1", query(t, answers[0]["url"], "select '1'"), "the server outlives who started it")
}

func TestStart_recoversAfterACrash(t *testing.T) {
	t.Parallel()
	dataDir := made(t)
	server := mustStart(t, dataDir)
	execute(t, server.URL(), "create table kept as select 42 as n")
	crash(t, server)

	again := mustStart(t, dataDir)
	require.True(t, again.Started)
	require.NotEqual(t, server.PID, again.PID)
	require.Equal(t, "42", query(t, again.URL(), "select n::text from kept"))
}

func TestStart_endsAServerWhoseFilesWereRemovedWhileItRan(t *testing.T) {
	t.Parallel()
	dataDir := made(t)
	orphan := mustStart(t, dataDir)
	execute(t, orphan.URL(), "create table kept as select 42 as n")
	moved := dataDir + ".moved"
	require.NoError(t, os.Rename(dataDir, moved))

	again := mustStart(t, dataDir)

	require.True(t, again.Started)
	require.False(t, isServer(orphan.PID))
	require.Equal(t, "0", query(t, again.URL(), "select count(*)::text from pg_class where relname = 'kept'"), "a new database")
	stopAfter(t, moved)
	require.Equal(t, "42", query(t, mustStart(t, moved).URL(), "select n::text from kept"), "what was moved away is whole")
}

func TestStart_waitsForSessionsThatOutliveACrash(t *testing.T) {
	t.Parallel()
	dataDir := made(t)
	held, err := hold(dataDir)
	require.NoError(t, err)
	_, err = hold(dataDir)
	var failed *Error
	require.ErrorAs(t, err, &failed)
	require.Equal(t, InUse, failed.Kind)

	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	_, err = Start(ctx, Options{DataDir: dataDir})
	require.Error(t, err)

	ended := make(chan error, 1)
	go func() {
		_, err := Start(t.Context(), Options{DataDir: dataDir})
		ended <- err
	}()
	eventually(t, "an attempt", func() bool { _, err := os.Stat(logFile(dataDir)); return err == nil })
	require.Empty(t, ended)
	require.NoError(t, held.Close())
	require.NoError(t, <-ended)
}

func TestStart_isNotMisledByAStaleProcessNumber(t *testing.T) {
	t.Parallel()
	dataDir := made(t)
	owner, err := os.Stat(dataDir)
	require.NoError(t, err)
	uid, gid := int(owner.Sys().(*syscall.Stat_t).Uid), int(owner.Sys().(*syscall.Stat_t).Gid)

	zombie := exec.Command(copyAs(t, "true", "postgres"))
	require.NoError(t, zombie.Start())
	t.Cleanup(func() { _ = zombie.Wait() })
	eventually(t, "the process's end", func() bool { return !isServer(zombie.Process.Pid) })
	require.True(t, occupied(zombie.Process.Pid))

	for name, pid := range map[string]int{
		"of another program":                          os.Getpid(),
		"of a server that is dead but not yet buried": zombie.Process.Pid,
		"of nobody": nobodysPID,
	} {
		lines := []string{strconv.Itoa(pid), dataDir, "1", "5432", "/nowhere", "", "   1 2", "ready   ", ""}
		require.NoError(t, os.WriteFile(pidFilePath(dataDir), []byte(strings.Join(lines, "\n")), 0o600))
		require.NoError(t, os.Chown(pidFilePath(dataDir), uid, gid))
		server := mustStart(t, dataDir)
		require.True(t, server.Started, name)
		require.NoError(t, server.Stop(t.Context()))
	}
}

func TestStart_refusesDataOfAnotherMajorVersion(t *testing.T) {
	t.Parallel()
	dataDir := pretended(t)
	require.NoError(t, os.WriteFile(filepath.Join(dataDir, "PG_VERSION"), []byte("99\n"), 0o600))
	failed := refused(t, Options{DataDir: dataDir})
	require.Equal(t, WrongVersion, failed.Kind)
	require.Contains(t, failed.Error(), "was made by PostgreSQL 99")
	require.Contains(t, failed.Hint, "Install PostgreSQL 99")
}

func TestStart_leavesADirectoryOfSomethingElseAlone(t *testing.T) {
	t.Parallel()
	dataDir := dataIn(place(t))
	require.NoError(t, os.MkdirAll(dataDir, 0o755))
	letter := filepath.Join(dataDir, "letter.txt")
	require.NoError(t, os.WriteFile(letter, []byte("dear"), 0o600))
	require.Equal(t, Damaged, refused(t, Options{DataDir: dataDir}).Kind)
	require.FileExists(t, letter)
}

func TestStart_takesAnEmptyDirectory(t *testing.T) {
	t.Parallel()
	dataDir := dataIn(place(t))
	require.NoError(t, os.MkdirAll(dataDir, 0o755))
	mustStart(t, dataDir)
}

func TestStart_saysThatDataIsDamaged(t *testing.T) {
	t.Parallel()
	failed := refused(t, Options{DataDir: pretended(t)})
	require.Equal(t, Damaged, failed.Kind)
	require.Contains(t, failed.Error(), "postgresql.conf")
	require.Contains(t, failed.Hint, "reads the sources again")
}

func TestStart_leavesNothingHalfMade(t *testing.T) {
	t.Parallel()
	dataDir := ""
	for made := true; made; { // where it is made sooner than killed, another one is
		dataDir = dataIn(place(t))
		cmd := other(t, "start", dataDir)
		require.NoError(t, cmd.Start())
		eventually(t, "initdb at work", func() bool {
			_, begun := os.Stat(filepath.Join(dataDir+".new", "PG_VERSION"))
			_, ended := os.Stat(dataDir)
			return begun == nil || ended == nil
		})
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait() // killed
		_, err := os.Stat(dataDir)
		made = err == nil
	}
	require.DirExists(t, dataDir+".new")

	mustStart(t, dataDir)
	require.NoDirExists(t, dataDir+".new")
}

func TestStart_stopsMakingWhenTheContextEnds(t *testing.T) {
	t.Parallel()
	dataDir, enough := "", errors.New("enough")
	for err := error(nil); err == nil; { // where it is made sooner than cancelled, another one is
		dataDir = dataIn(place(t))
		ctx, cancel := context.WithCancelCause(t.Context())
		ended := make(chan error, 1)
		go func() {
			_, err := Start(ctx, Options{DataDir: dataDir})
			ended <- err
		}()
		eventually(t, "initdb at work", func() bool {
			_, err := os.Stat(dataDir + ".new")
			return err == nil || len(ended) > 0
		})
		cancel(enough)
		if err = <-ended; err != nil {
			require.ErrorIs(t, err, enough)
		}
	}
	require.NoDirExists(t, dataDir)
	require.NoDirExists(t, dataDir+".new")
}

func TestStart_throwAwayServerEndsWithItsProcess(t *testing.T) {
	t.Parallel()
	dataDir := made(t)
	owner := other(t, "throwaway", dataDir)
	_, err := owner.StdinPipe() // open until the owner has ended
	require.NoError(t, err)
	require.NoError(t, owner.Start())
	var server *Server
	eventually(t, "the server", func() bool { server, err = Running(dataDir); return server != nil })
	require.NoError(t, err)
	require.Equal(t, "off", query(t, server.URL(), "show fsync"))

	require.NoError(t, owner.Process.Kill())
	require.Error(t, owner.Wait())
	eventually(t, "the server's end", func() bool { return !isServer(server.PID) })
	require.NoFileExists(t, pidFilePath(dataDir), "a clean end")
	require.NoError(t, os.Remove(server.RunDir), "and an empty directory")
}

func TestStart_throwAwayServerTakesThePlaceOfAnother(t *testing.T) {
	t.Parallel()
	dataDir := made(t)
	orphan := mustStart(t, dataDir)
	own, err := Start(t.Context(), Options{DataDir: dataDir, Throwaway: true, Settings: map[string]string{"work_mem": "7MB"}})
	require.NoError(t, err)
	require.NotEqual(t, orphan.PID, own.PID)
	require.Equal(t, "7MB", query(t, own.URL(), "show work_mem"))
}

func TestStart_saysWhenTheSocketOfARunningServerIsGone(t *testing.T) {
	t.Parallel()
	dataDir := made(t)
	server := mustStart(t, dataDir)
	require.NoError(t, os.RemoveAll(server.RunDir))
	failed := refused(t, Options{DataDir: dataDir})
	require.Equal(t, InUse, failed.Kind)
	require.Contains(t, failed.Hint, "terrace db stop")

	require.NoError(t, Stop(t.Context(), dataDir))
	mustStart(t, dataDir)
}

func TestStart_refusesASocketThatAnotherServerHas(t *testing.T) {
	t.Parallel()
	dataDir := pretended(t)
	options, err := Options{DataDir: dataDir}.complete()
	require.NoError(t, err)
	install, err := options.choose(t.Context(), "")
	require.NoError(t, err)
	id, err := options.identify(t.Context(), install.Bin)
	require.NoError(t, err)
	run, err := options.runDir(id)
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(run) })
	listener, err := net.Listen("unix", socketFile(run))
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	require.Equal(t, InUse, refused(t, Options{DataDir: dataDir}).Kind)
}

func TestStart_refusesASocketPathThatIsTooLong(t *testing.T) {
	t.Parallel()
	dataDir := pretended(t)
	failed := refused(t, Options{DataDir: dataDir, RunDir: "/tmp/" + strings.Repeat("x", 100)})
	require.Equal(t, Socket, failed.Kind)
	require.Contains(t, failed.Error(), "bytes long")
}

func TestStart_refusesARunDirectoryThatOthersMayEnter(t *testing.T) {
	t.Parallel()
	dataDir := pretended(t)
	open := filepath.Join(filepath.Dir(dataDir), "run")
	require.NoError(t, os.Mkdir(open, 0o755))
	require.Equal(t, InUse, refused(t, Options{DataDir: dataDir, RunDir: open}).Kind)
}

func TestShortDir_fallsBackWhereTheTemporaryDirectoryIsLong(t *testing.T) {
	t.Parallel()
	require.Equal(t, "/var/tmp", filepath.Dir(shortDir("/var/tmp", 1000, "/a")))
	long := shortDir("/"+strings.Repeat("x", 90), 1000, "/a")
	require.Equal(t, "/tmp", filepath.Dir(long))
	require.NotEqual(t, long, shortDir("/tmp", 1000, "/b"))
	require.NotEqual(t, long, shortDir("/tmp", 1001, "/a"))
}

// copyAs copies a program of the system under another name.
func copyAs(t *testing.T, program, name string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	require.NoError(t, err)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	copied := filepath.Join(t.TempDir(), name)
	writeProgram(t, copied, content)
	return copied
}
