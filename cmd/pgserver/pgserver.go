// Package pgserver runs a private PostgreSQL for one project: it finds server binaries on the machine, makes the data
// directory, starts the server or reuses the one that runs, and stops it. The server listens on a Unix socket in a
// directory of its own, never on a network. The package never touches a server outside the data directory it is given.
package pgserver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// User is the role that the server is made with, a superuser.
const User = "terrace"

// port only names the socket's file: nothing listens on a network.
const port = 5432

// startWait bounds a start whose context has no deadline: long enough for a crash recovery.
const startWait = 5 * time.Minute

// Options say where a server lives and how it is run. Only DataDir is required.
type Options struct {
	// DataDir holds the database; made when missing. Beside it lie DataDir.log and DataDir.lock.
	DataDir string
	// Bin is the folder of initdb and postgres; "" takes what Find finds.
	Bin string
	// RunDir holds the socket and is made when missing; "" takes a short one that follows from DataDir.
	RunDir string
	// Settings are added to the server's configuration, and win over what this package sets.
	Settings map[string]string
	// Throwaway trades durability for speed and ends the server with this process: for tests.
	Throwaway bool
	// LookupEnv reads the environment; nil means os.LookupEnv.
	LookupEnv func(string) (string, bool)
	// Logger is told what takes time; nil means nobody.
	Logger *slog.Logger
}

// Server is a running server.
type Server struct {
	DataDir string
	RunDir  string
	Log     string // the file that the server logs to
	PID     int
	// Started tells whether this Start started it; otherwise it was running.
	Started bool
}

// URL opens the server's first database as its superuser.
func (s *Server) URL() string {
	u := url.URL{Scheme: "postgres", User: url.User(User), Path: "/postgres"}
	u.RawQuery = url.Values{"host": {s.RunDir}, "port": {strconv.Itoa(port)}}.Encode()
	return u.String()
}

// Stop stops the server, waiting for it to end. Sessions that are open are ended, their transactions rolled back.
func (s *Server) Stop(ctx context.Context) error { return Stop(ctx, s.DataDir) }

// Start returns the server of opts.DataDir, running: the one that runs already, or one that it makes and starts. Several
// processes may do so at once; one starts it, all get it. An *Error says what is in the way and what to do.
func Start(ctx context.Context, opts Options) (*Server, error) {
	opts, err := opts.complete()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startWait, errors.New("the server did not become ready in "+startWait.String()))
	defer cancel()
	if server, err := Running(opts.DataDir); err != nil || (server != nil && !opts.Throwaway) {
		return server, err
	}
	lock, err := lockFile(ctx, opts.DataDir)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	if opts.Throwaway { // the last owner's server may still be ending
		if err := stop(ctx, opts.DataDir); err != nil {
			return nil, err
		}
	} else if server, err := settled(ctx, opts.DataDir); err != nil || server != nil {
		return server, err
	}
	return start(ctx, opts)
}

// Running returns the server of the data directory if it takes connections, else nil.
func Running(dataDir string) (*Server, error) {
	dataDir, err := resolve(dataDir)
	if err != nil {
		return nil, err
	}
	file, err := readPIDFile(dataDir)
	if err != nil || !file.ready() || !file.alive() || dial(file.socketDir) != nil {
		return nil, err
	}
	return &Server{DataDir: dataDir, RunDir: file.socketDir, Log: logFile(dataDir), PID: file.pid}, nil
}

// Stop stops the server of a data directory, waiting for it to end; none running is no error.
func Stop(ctx context.Context, dataDir string) error {
	dataDir, err := resolve(dataDir)
	if err != nil {
		return err
	}
	if file, err := readPIDFile(dataDir); err != nil || file.pid == 0 {
		return err
	}
	lock, err := lockFile(ctx, dataDir)
	if err != nil {
		return err
	}
	defer lock.Close()
	return stop(ctx, dataDir)
}

// settled waits for a server that is starting or stopping and returns it if it then runs, else nil.
func settled(ctx context.Context, dataDir string) (*Server, error) {
	deaf := 0
	for {
		server, err := Running(dataDir)
		if err != nil || server != nil {
			return server, err
		}
		file, err := readPIDFile(dataDir)
		if err != nil || !file.alive() {
			return nil, err
		}
		if deaf++; !file.ready() {
			deaf = 0
		}
		if deaf > 100 { // a second: it says that it is ready, but does not answer
			return nil, &Error{
				Kind:    InUse,
				Message: fmt.Sprintf("a server (process %d) runs on %s, but its socket in %s does not answer", file.pid, dataDir, file.socketDir),
				Hint:    "Its temporary directory was cleaned, or is another one than yours. Run terrace db stop, then try again.",
			}
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return nil, fmt.Errorf("wait for the server on %s: %w", dataDir, err)
		}
	}
}

// stop asks the server to end (a fast shutdown) and waits. The caller holds the lock.
func stop(ctx context.Context, dataDir string) error {
	file, err := readPIDFile(dataDir)
	if err != nil || !file.alive() {
		return err
	}
	if err := file.end(ctx, syscall.SIGINT); err != nil {
		return err
	}
	_ = os.Remove(file.socketDir) // when it is empty
	return nil
}

// end asks the server to end, and waits.
func (f pidFile) end(ctx context.Context, how syscall.Signal) error {
	if err := syscall.Kill(f.pid, how); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stop server (process %d): %w", f.pid, err)
	}
	for f.alive() {
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return fmt.Errorf("wait for server (process %d) to stop: %w", f.pid, err)
		}
	}
	return nil
}

func (o Options) complete() (Options, error) {
	if o.DataDir == "" {
		return o, errors.New("start server: no data directory given")
	}
	if o.LookupEnv == nil {
		o.LookupEnv = os.LookupEnv
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(filepath.Dir(o.DataDir), 0o755); err != nil {
		return o, classify(fmt.Errorf("make %s: %w", filepath.Dir(o.DataDir), err))
	}
	var err error
	o.DataDir, err = resolve(o.DataDir)
	return o, err
}

// resolve makes one name of all that a directory can be called by, so that all processes agree on its socket and lock.
func resolve(dataDir string) (string, error) {
	absolute, err := filepath.Abs(dataDir)
	if err != nil {
		return "", fmt.Errorf("resolve %s: %w", dataDir, err)
	}
	real, err := filepath.EvalSymlinks(absolute)
	if errors.Is(err, fs.ErrNotExist) {
		parent, err := filepath.EvalSymlinks(filepath.Dir(absolute))
		if err != nil {
			return absolute, nil // nothing is there yet
		}
		return filepath.Join(parent, filepath.Base(absolute)), nil
	}
	if err != nil {
		return "", classify(fmt.Errorf("resolve %s: %w", dataDir, err))
	}
	return real, nil
}

func logFile(dataDir string) string { return dataDir + ".log" }

func socketFile(runDir string) string {
	return filepath.Join(runDir, fmt.Sprintf(".s.PGSQL.%d", port))
}

// dial tells whether somebody listens on the socket.
func dial(runDir string) error {
	conn, err := net.DialTimeout("unix", socketFile(runDir), time.Second)
	if err != nil {
		return err
	}
	return conn.Close()
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
