package pgserver

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// OldestMajor is the oldest major version that terrace works with.
const OldestMajor = 15

// Install is a folder of server binaries.
type Install struct {
	Bin   string // absolute
	Major int
	Minor int
}

// String is "15.18 in /usr/lib/postgresql/15/bin".
func (i Install) String() string { return fmt.Sprintf("%d.%d in %s", i.Major, i.Minor, i.Bin) }

// globs are where packages put servers that are not on the PATH.
var globs = []string{
	"/usr/lib/postgresql/*/bin",                          // Debian, Ubuntu
	"/usr/pgsql-*/bin",                                   // the PostgreSQL project's RPMs
	"/usr/libexec/postgresql*",                           // Alpine
	"/opt/homebrew/opt/postgresql@*/bin",                 // Homebrew on Apple silicon,
	"/usr/local/opt/postgresql@*/bin",                    // on Intel,
	"/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",    // on Linux
	"/Applications/Postgres.app/Contents/Versions/*/bin", // Postgres.app
	"/usr/local/pgsql/bin",                               // built from source
}

// Find returns the usable servers of this machine, newest first, with those that Fetch put in stateDir, if one is given.
// TERRACE_PG_BIN, when set, is the only place looked at. None is an *Error of kind NoBinaries, which says how to install one.
func Find(ctx context.Context, lookupEnv func(string) (string, bool), stateDir string) ([]Install, error) {
	places := globs
	if stateDir != "" {
		places = append(slices.Clone(globs), fetched(stateDir))
	}
	return find(ctx, lookupEnv, places)
}

// fetched is where Fetch puts servers.
func fetched(stateDir string) string { return filepath.Join(stateDir, "pg-*", "bin") }

func find(ctx context.Context, lookupEnv func(string) (string, bool), globs []string) ([]Install, error) {
	if named, _ := lookupEnv("TERRACE_PG_BIN"); named != "" {
		install, err := examine(ctx, named)
		if err != nil {
			return nil, &Error{
				Kind:    NoBinaries,
				Message: "TERRACE_PG_BIN names no usable PostgreSQL server",
				Hint:    fmt.Sprintf("It is to be the folder of initdb and postgres, version %d or newer.", OldestMajor),
				Err:     err,
			}
		}
		return []Install{install}, nil
	}
	var installs []Install
	var unusable []string
	for _, dir := range candidates(ctx, lookupEnv, globs) {
		install, err := examine(ctx, dir)
		if err != nil {
			unusable = append(unusable, err.Error())
			continue
		}
		installs = append(installs, install)
	}
	if len(installs) == 0 {
		return nil, missing(unusable)
	}
	slices.SortStableFunc(installs, func(a, b Install) int {
		return cmp.Or(cmp.Compare(b.Major, a.Major), cmp.Compare(b.Minor, a.Minor))
	})
	return installs, nil
}

// candidates are the folders with an initdb in it, each once, in the order in which they are preferred.
func candidates(ctx context.Context, lookupEnv func(string) (string, bool), globs []string) []string {
	path, _ := lookupEnv("PATH")
	var dirs []string
	for _, dir := range filepath.SplitList(path) {
		dirs = append(dirs, dir)
		config := filepath.Join(dir, "pg_config")
		if !executable(config) {
			continue
		}
		if bindir, err := exec.CommandContext(ctx, config, "--bindir").Output(); err == nil {
			dirs = append(dirs, strings.TrimSpace(string(bindir)))
		}
	}
	for _, pattern := range globs {
		found, _ := filepath.Glob(pattern) // the patterns are well formed
		dirs = append(dirs, found...)
	}
	var bins []string
	for _, dir := range dirs {
		// A link on the PATH names the program, whose folder has the others; PostgreSQL finds its files from there.
		initdb, err := filepath.EvalSymlinks(filepath.Join(dir, "initdb"))
		if err != nil || !filepath.IsAbs(initdb) {
			continue
		}
		if bin := filepath.Dir(initdb); !slices.Contains(bins, bin) {
			bins = append(bins, bin)
		}
	}
	return bins
}

var versionLine = regexp.MustCompile(`\(PostgreSQL\) (\d+)(?:\.(\d+))?`)

// examine asks the server in a folder for its version.
func examine(ctx context.Context, bin string) (Install, error) {
	bin, err := filepath.Abs(bin)
	if err != nil {
		return Install{}, err
	}
	for _, program := range []string{"initdb", "postgres"} {
		if !executable(filepath.Join(bin, program)) {
			return Install{}, fmt.Errorf("%s has no %s", bin, program)
		}
	}
	said, err := exec.CommandContext(ctx, filepath.Join(bin, "postgres"), "--version").Output()
	if err != nil {
		return Install{}, fmt.Errorf("run %s --version: %w", filepath.Join(bin, "postgres"), err)
	}
	match := versionLine.FindSubmatch(said)
	if match == nil {
		return Install{}, fmt.Errorf("%s says %q, which is no version", filepath.Join(bin, "postgres"), said)
	}
	install := Install{Bin: bin}
	install.Major, _ = strconv.Atoi(string(match[1]))
	install.Minor, _ = strconv.Atoi(string(match[2])) // a beta has none
	if install.Major < OldestMajor {
		return Install{}, fmt.Errorf("PostgreSQL %s is too old", install)
	}
	return install, nil
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

func missing(unusable []string) *Error {
	e := &Error{
		Kind:    NoBinaries,
		Message: fmt.Sprintf("no PostgreSQL server of version %d or newer on this machine", OldestMajor),
		Hint: howToInstall(runtime.GOOS) + " Or run terrace db install, which fetches one for this project alone. " +
			"Or set TERRACE_DATABASE_URL to use a server elsewhere, or TERRACE_PG_BIN to the folder of initdb.",
	}
	if len(unusable) > 0 {
		e.Message += " (" + strings.Join(unusable, "; ") + ")"
	}
	return e
}

func howToInstall(system string) string {
	if system == "darwin" {
		return "Install one: brew install postgresql@17."
	}
	return "Install one: apt install postgresql (Debian, Ubuntu), dnf install postgresql-server (Fedora), apk add postgresql (Alpine)."
}
