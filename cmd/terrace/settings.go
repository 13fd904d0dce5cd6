package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/joho/godotenv"
)

// settings are what flags and environment say; terrace.yml says the rest and comes with the project. The order is
// defaults < terrace.yml < .env < environment < flags.
type settings struct {
	databaseURL  string // "" where neither flags nor environment name one
	databaseFrom string // which of them does: "--database-url", or the variable
	environment  string
	threads      int // 0: terrace.yml's
	vars         map[string]string
	logLevel     slog.Level
	logFormat    string
	logFile      string
}

func readSettings(g *Globals, lookup func(string) (string, bool)) (settings, error) {
	text := func(flag, name string) string {
		if flag != "" {
			return flag
		}
		value, _ := lookup(name)
		return value
	}
	s := settings{
		environment: text(g.Env, "TERRACE_ENV"),
		vars:        map[string]string{},
		logFormat:   text(g.LogFormat, "TERRACE_LOG_FORMAT"),
		logFile:     text(g.LogFile, "TERRACE_LOG_FILE"),
	}
	s.databaseURL, s.databaseFrom = namedDatabase(g.DatabaseURL, lookup)
	if err := s.readThreads(g.Threads, lookup); err != nil {
		return s, err
	}
	for name, value := range g.Var {
		s.vars[name] = value
	}
	s.logLevel = slog.LevelWarn
	if g.Verbose {
		s.logLevel = slog.LevelInfo
	}
	if level := text(g.LogLevel, "TERRACE_LOG_LEVEL"); level != "" {
		if err := s.logLevel.UnmarshalText([]byte(level)); err != nil {
			return s, &inputError{message: fmt.Sprintf("log level %q is none", level), hint: "Use debug, info, warn or error."}
		}
	}
	if f := s.logFormat; f != "" && f != "text" && f != "json" {
		return s, &inputError{message: fmt.Sprintf("log format %q is none", f), hint: "Use text or json."}
	}
	return s, nil
}

// readThreads takes the flag, else TERRACE_THREADS, else leaves it to terrace.yml.
func (s *settings) readThreads(flag *int, lookup func(string) (string, bool)) error {
	from := "TERRACE_THREADS"
	given, _ := lookup(from)
	if flag != nil {
		from, given = "--threads", strconv.Itoa(*flag)
	}
	if given == "" {
		return nil
	}
	n, err := strconv.Atoi(given)
	if err != nil || n < 1 {
		return &inputError{message: fmt.Sprintf("%s is %q", from, given), hint: "Give a number from 1."}
	}
	s.threads = n
	return nil
}

// namedDatabase is the database that the flag or the environment names, and which of them it is.
func namedDatabase(flag string, lookup func(string) (string, bool)) (url, from string) {
	if flag != "" {
		return flag, "--database-url"
	}
	for _, name := range []string{"TERRACE_DATABASE_URL", "DATABASE_URL", "PG_DSN"} {
		if url, _ := lookup(name); url != "" {
			return url, name
		}
	}
	if url := fromLibpq(lookup); url != "" {
		return url, "PG*"
	}
	return "", ""
}

// fromLibpq makes a connection string of libpq's variables, which may stand in .env as well, or "" where none names a
// server or database.
func fromLibpq(lookup func(string) (string, bool)) string {
	keys := []struct{ variable, key string }{
		{"PGHOST", "host"},
		{"PGPORT", "port"},
		{"PGDATABASE", "dbname"},
		{"PGUSER", "user"},
		{"PGPASSWORD", "password"},
		{"PGSSLMODE", "sslmode"},
		{"PGSERVICE", "service"},
		{"PGPASSFILE", "passfile"},
		{"PGSSLROOTCERT", "sslrootcert"},
	}
	named := false
	var parts []string
	for _, k := range keys {
		value, ok := lookup(k.variable)
		if !ok || value == "" {
			continue
		}
		named = named || k.key == "host" || k.key == "dbname" || k.key == "service"
		parts = append(parts, fmt.Sprintf("%s='%s'", k.key, strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value)))
	}
	if !named {
		return ""
	}
	return strings.Join(parts, " ")
}

// readDotEnv reads the project's .env, if it has one.
func readDotEnv(dir string) (map[string]string, error) {
	if dir == "" {
		return nil, nil
	}
	text, err := os.ReadFile(filepath.Join(dir, ".env"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, &inputError{message: fmt.Sprintf(".env cannot be read: %v", errors.Unwrap(err)), hint: "Make it a file that you may read, or remove it."}
	}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	values, err := godotenv.UnmarshalBytes(text)
	if err != nil {
		// The parser's own message quotes the file, secrets and all.
		return nil, &inputError{
			message: fmt.Sprintf(".env:%d: this is not NAME=value", brokenLine(string(text))),
			hint:    "Put values with spaces or # into quotes, and close quotes that are opened.",
		}
	}
	return values, nil
}

// brokenLine is the line before which a .env that cannot be parsed can be.
func brokenLine(text string) int {
	lines := strings.SplitAfter(text, "\n")
	for n := len(lines) - 1; n > 0; n-- {
		if _, err := godotenv.Unmarshal(strings.Join(lines[:n], "")); err == nil {
			return n + 1
		}
	}
	return 1
}
