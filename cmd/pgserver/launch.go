package pgserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// crashWait bounds how long processes of a server that crashed may keep the data before we give up.
const crashWait = time.Minute

// start makes the database unless it is there, and starts the server. The caller holds the lock.
func start(ctx context.Context, opts Options) (*Server, error) {
	major, err := opts.made()
	if err != nil {
		return nil, err
	}
	install, err := opts.choose(ctx, major)
	if err != nil {
		return nil, err
	}
	id, err := opts.identify(ctx, install.Bin)
	if err != nil {
		return nil, err
	}
	run, err := opts.runDir(id)
	if err != nil {
		return nil, err
	}
	err = endOrphan(ctx, opts.DataDir, run)
	if err == nil && major == "" {
		err = opts.create(ctx, id, install.Bin)
	}
	var server *Server
	if err == nil {
		server, err = opts.launch(ctx, id, install.Bin, run)
	}
	if err != nil {
		_ = os.Remove(run) // when it is empty
	}
	return server, err
}

// choose picks the binaries: those named, or the newest, or where data is there the newest of the same major version.
func (o Options) choose(ctx context.Context, major string) (Install, error) {
	lookup := o.LookupEnv
	if o.Bin != "" {
		lookup = func(name string) (string, bool) {
			if name == "TERRACE_PG_BIN" {
				return o.Bin, true
			}
			return o.LookupEnv(name)
		}
	}
	installs, err := Find(ctx, lookup, filepath.Dir(o.DataDir))
	if err != nil {
		return Install{}, err
	}
	if major == "" {
		return installs[0], nil
	}
	var names []string
	for _, install := range installs {
		if strconv.Itoa(install.Major) == major {
			return install, nil
		}
		names = append(names, install.String())
	}
	return Install{}, &Error{
		Kind:    WrongVersion,
		Message: fmt.Sprintf("%s was made by PostgreSQL %s; found are %s", o.DataDir, major, strings.Join(names, ", ")),
		Hint: fmt.Sprintf("Install PostgreSQL %s beside it, or set TERRACE_PG_BIN to its folder; or move %s away, and terrace makes a new database.",
			major, o.DataDir),
	}
}

// clearStale takes away what a server that died has left and PostgreSQL would trip over. The caller holds the lock and
// has seen that no server runs on the data.
func clearStale(dataDir, runDir string) error {
	file, err := readPIDFile(dataDir)
	if err != nil {
		return err
	}
	if file.pid > 0 && occupied(file.pid) {
		if err := disown(dataDir); err != nil {
			return err
		}
	}
	if dial(runDir) == nil {
		return &Error{
			Kind:    InUse,
			Message: fmt.Sprintf("another server listens on %s", socketFile(runDir)),
			Hint:    "Stop it, or name another run directory.",
		}
	}
	socket := socketFile(runDir)
	return errors.Join(removeIfThere(socket), removeIfThere(socket+".lock"))
}

// endOrphan ends a server of this data directory whose files were removed or moved away while it ran: it still listens,
// but no file of the directory says so any more. It ends at once, as in a crash: a shutdown in order would write its last
// words by the directory's name, into what has been made there since.
func endOrphan(ctx context.Context, dataDir, runDir string) error {
	content, err := os.ReadFile(socketFile(runDir) + ".lock")
	if err != nil {
		return nil // then whoever listens is not ours
	}
	pid, rest, _ := strings.Cut(string(content), "\n")
	directory, _, _ := strings.Cut(rest, "\n")
	file := pidFile{}
	if file.pid, err = strconv.Atoi(pid); err != nil || directory != dataDir || !file.alive() {
		return nil
	}
	return file.end(ctx, syscall.SIGQUIT)
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return classify(err)
	}
	return nil
}

// launch starts the server and waits until it takes connections, and before that until what a crashed one has left has
// ended.
func (o Options) launch(ctx context.Context, id identity, bin, run string) (*Server, error) {
	if err := clearStale(o.DataDir, run); err != nil {
		return nil, err
	}
	log := logFile(o.DataDir)
	if err := os.Rename(log, log+".1"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, classify(fmt.Errorf("keep the last log: %w", err))
	}
	giveUp := time.Now().Add(crashWait)
	for {
		server, err := o.attempt(ctx, id, bin, run)
		var failed *Error
		if !errors.As(err, &failed) || failed.Kind != InUse || time.Now().After(giveUp) {
			return server, err
		}
		o.Logger.Debug("waiting for processes of an earlier server", "reason", failed.Error())
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return nil, errors.Join(failed, err)
		}
	}
}

// attempt starts postgres itself and not pg_ctl, which looks only ten times a second whether it is ready.
func (o Options) attempt(ctx context.Context, id identity, bin, run string) (*Server, error) {
	path := logFile(o.DataDir)
	log, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return nil, classify(fmt.Errorf("open log: %w", err))
	}
	defer log.Close()
	held, err := hold(o.DataDir)
	if err != nil {
		return nil, err
	}
	defer held.Close()

	// The server outlives the context, and a Ctrl-C in the terminal.
	cmd := id.command(context.WithoutCancel(ctx), o.LookupEnv, filepath.Join(bin, "postgres"), o.arguments(run)...)
	cmd.SysProcAttr.Setsid = true
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{held}
	if o.Throwaway {
		dieWithParent(cmd.SysProcAttr, syscall.SIGINT)
	}
	ended, err := startOnThread(cmd)
	if err != nil {
		return nil, classify(fmt.Errorf("start %s: %w", cmd.Path, err))
	}
	server := &Server{DataDir: o.DataDir, RunDir: run, Log: path, PID: cmd.Process.Pid, Started: true}
	if err := o.await(ctx, server, ended, log); err != nil {
		return nil, err
	}
	return server, nil
}

// await polls until the server is ready, or has ended.
func (o Options) await(ctx context.Context, server *Server, ended <-chan error, log io.ReadSeeker) error {
	begun := time.Now()
	for told := false; ; {
		select {
		case err := <-ended:
			return o.failure(err, log)
		default:
		}
		file, err := readPIDFile(o.DataDir)
		if err == nil && file.pid == server.PID && file.ready() && dial(server.RunDir) == nil {
			return nil
		}
		if !told && time.Since(begun) > 2*time.Second {
			told = true
			o.Logger.Info("waiting for PostgreSQL to become ready", "log", server.Log)
		}
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return fmt.Errorf("wait for the server to become ready: %w", err)
		}
	}
}

// failure explains why the server ended at once.
func (o Options) failure(ended error, log io.ReadSeeker) error {
	var said []byte
	if _, err := log.Seek(0, io.SeekStart); err == nil {
		said, _ = io.ReadAll(io.LimitReader(log, 1<<20))
	}
	output := string(said)
	if strings.TrimSpace(output) == "" && ended != nil {
		output = ended.Error()
	}
	if full(filepath.Dir(o.DataDir)) { // then the log is cut short, too
		output += "\nFATAL: No space left on device"
	}
	return explain("the server did not start", output, logFile(o.DataDir))
}

// full tells whether a disk has no room for even a log line.
func full(dir string) bool {
	var stat syscall.Statfs_t
	return syscall.Statfs(dir, &stat) == nil && stat.Bavail == 0
}

func (o Options) arguments(run string) []string {
	settings := map[string]string{
		"listen_addresses":        "",
		"port":                    strconv.Itoa(port),
		"unix_socket_directories": `"` + run + `"`,
		"unix_socket_permissions": "0700",
		"cluster_name":            "terrace",
		"logging_collector":       "off",
		"log_destination":         "stderr",
	}
	if o.Throwaway {
		maps.Copy(settings, map[string]string{
			"fsync":              "off",
			"synchronous_commit": "off",
			"full_page_writes":   "off",
			"wal_level":          "minimal",
			"max_wal_senders":    "0",
		})
	}
	maps.Copy(settings, o.Settings)
	args := []string{"-D", o.DataDir}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", name+"="+settings[name])
	}
	return args
}

// startOnThread starts a process from a thread that stays until the process has ended, since to the operating system the
// thread is the parent whose end the process is told of. The channel gives the process's end.
func startOnThread(cmd *exec.Cmd) (<-chan error, error) {
	started, ended := make(chan error, 1), make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			ended <- cmd.Wait()
		}
	}()
	return ended, <-started
}

func runOnThread(cmd *exec.Cmd) error {
	ended, err := startOnThread(cmd)
	if err != nil {
		return err
	}
	return <-ended
}
