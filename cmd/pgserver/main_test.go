package pgserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// The tests' own program stands in for other processes of terrace: PGSERVER_ROLE says which one it plays.
func TestMain(m *testing.M) {
	switch os.Getenv("PGSERVER_ROLE") {
	case "":
		code := m.Run()
		_ = os.RemoveAll(templateRoot())
		os.Exit(code)
	case "unable": // to become another user
		_ = os.Setenv("PGSERVER_ROLE", "start")
		exit(execUnable())
	case "start", "throwaway":
		exit(play())
	}
}

func exit(err error) {
	if err != nil {
		var failed *Error
		if errors.As(err, &failed) {
			fmt.Println("kind", failed.Kind)
		}
		fmt.Println("error", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// play starts a server and says its process number; the throw-away one's owner lives until its input ends.
func play() error {
	throwaway := os.Getenv("PGSERVER_ROLE") == "throwaway"
	server, err := Start(context.Background(), Options{DataDir: os.Getenv("PGSERVER_DATA"), Throwaway: throwaway})
	if err != nil {
		return err
	}
	fmt.Println("pid", server.PID)
	fmt.Println("started", server.Started)
	fmt.Println("url", server.URL())
	if throwaway {
		_, err = io.Copy(io.Discard, os.Stdin)
	}
	return err
}

// other prepares a process that plays a role on a data directory.
func other(t *testing.T, role, dataDir string) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), "PGSERVER_ROLE="+role, "PGSERVER_DATA="+dataDir)
	cmd.Dir = "/"
	return cmd
}

// said runs a process and returns what it says, by the first word of each line.
func said(t *testing.T, cmd *exec.Cmd) map[string]string {
	t.Helper()
	output, _ := cmd.CombinedOutput()
	words := map[string]string{}
	for line := range strings.Lines(string(output)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		words[name] = value
	}
	return words
}

// writeProgram writes a file to be executed. No other process begins meanwhile: it would have the file open for writing until
// it is itself, and what is open for writing is not executed.
func writeProgram(t *testing.T, path string, content []byte) {
	t.Helper()
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	require.NoError(t, os.WriteFile(path, content, 0o755))
}

// needServer skips where there are no binaries, except in CI.
func needServer(t *testing.T) {
	t.Helper()
	if _, err := Find(t.Context(), os.LookupEnv, ""); err != nil && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
}

// place makes a directory that every user can reach, which t.TempDir is not, and stops what runs below it in the end.
func place(t *testing.T) string {
	t.Helper()
	needServer(t)
	dir, err := os.MkdirTemp("", "pgserver")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	stopAfter(t, dataIn(dir))
	return dir
}

func stopAfter(t *testing.T, dataDir string) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		require.NoError(t, Stop(ctx, dataDir))
	})
}

func dataIn(dir string) string { return filepath.Join(dir, ".terrace", "postgres") }

// made is a place with a database in it, copied from one that is made once.
func made(t *testing.T) string {
	t.Helper()
	dir := place(t)
	template, err := template()
	require.NoError(t, err)
	output, err := exec.Command("cp", "-a", filepath.Dir(template), filepath.Join(dir, ".terrace")).CombinedOutput()
	require.NoError(t, err, string(output))
	return dataIn(dir)
}

// pretended is a place with what a database looks like until it is opened: enough for starts that are refused.
func pretended(t *testing.T) string {
	t.Helper()
	dataDir := dataIn(place(t))
	require.NoError(t, os.Mkdir(filepath.Dir(dataDir), 0o755))
	require.NoError(t, os.Mkdir(dataDir, 0o700))
	installs, err := Find(t.Context(), os.LookupEnv, "")
	require.NoError(t, err)
	version := fmt.Sprintln(installs[0].Major)
	require.NoError(t, os.WriteFile(filepath.Join(dataDir, "PG_VERSION"), []byte(version), 0o600))
	return dataDir
}

func templateRoot() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("pgserver-template-%d", os.Getpid()))
}

var template = sync.OnceValues(func() (string, error) {
	if err := os.MkdirAll(templateRoot(), 0o755); err != nil {
		return "", err
	}
	options, err := Options{DataDir: dataIn(templateRoot()), Throwaway: true}.complete()
	if err != nil {
		return "", err
	}
	ctx := context.Background()
	install, err := options.choose(ctx, "")
	if err != nil {
		return "", err
	}
	id, err := options.identify(ctx, install.Bin)
	if err != nil {
		return "", err
	}
	return options.DataDir, options.create(ctx, id, install.Bin)
})

func mustStart(t *testing.T, dataDir string) *Server {
	t.Helper()
	server, err := Start(t.Context(), Options{DataDir: dataDir})
	require.NoError(t, err)
	return server
}

// refused starts a server that must not start, and returns why.
func refused(t *testing.T, options Options) *Error {
	t.Helper()
	_, err := Start(t.Context(), options)
	var failed *Error
	require.ErrorAs(t, err, &failed)
	require.NotEmpty(t, failed.Hint)
	return failed
}

func query(t *testing.T, url, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	var value string
	require.NoError(t, conn.QueryRow(t.Context(), sql).Scan(&value))
	return value
}

func execute(t *testing.T, url, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(t.Context(), sql)
	require.NoError(t, err)
}

// crash ends a server as the kernel does when memory is short.
func crash(t *testing.T, server *Server) {
	t.Helper()
	require.NoError(t, syscall.Kill(server.PID, syscall.SIGKILL))
	eventually(t, "the server's end", func() bool { return !isServer(server.PID) })
}

// eventually waits for something that another process does.
func eventually(t *testing.T, what string, happened func() bool) {
	t.Helper()
	require.Eventually(t, happened, 5*time.Minute, 5*time.Millisecond, what)
}
