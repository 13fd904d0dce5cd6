package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// opened is an App as a command finds it, in a project with these files and this environment.
func opened(t *testing.T, files, environment map[string]string, globals Globals) (*App, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	globals.Project = dir
	app := &App{Globals: &globals, Env: Env{
		Stdout: t.Output(), Stderr: t.Output(),
		LookupEnv: func(name string) (string, bool) {
			value, ok := environment[name]
			return value, ok
		},
	}}
	err := app.open("test")
	t.Cleanup(app.close)
	return app, err
}

func TestSettings_comeInLayers(t *testing.T) {
	t.Parallel()
	const (
		yml    = "name: shop\ndatabase: yml\nthreads: 2\nvars: {a: yml, b: yml}\nenvironments: {production: {database: production, threads: 3, vars: {b: production}}}\n"
		dotenv = "TERRACE_DATABASE_URL=dotenv\nTERRACE_THREADS=5\nTERRACE_LOG_LEVEL=error\n"
	)
	production := map[string]string{"TERRACE_ENV": "production"}
	type outcome struct {
		database, from string
		threads        int
		a, b           string
		level          slog.Level
	}
	for name, test := range map[string]struct {
		files       map[string]string
		environment map[string]string
		flags       Globals
		want        outcome
	}{
		"defaults": {
			files: map[string]string{"terrace.yml": "name: shop\n"},
			want:  outcome{threads: 4, level: slog.LevelWarn},
		},
		"terrace.yml over defaults": {
			files: map[string]string{"terrace.yml": yml},
			want:  outcome{database: "yml", threads: 2, a: "yml", b: "yml", level: slog.LevelWarn},
		},
		"its environment over the rest of terrace.yml": {
			files: map[string]string{"terrace.yml": yml}, environment: production,
			want: outcome{database: "production", threads: 3, a: "yml", b: "production", level: slog.LevelWarn},
		},
		".env over terrace.yml": {
			files: map[string]string{"terrace.yml": yml, ".env": dotenv}, environment: production,
			want: outcome{database: "dotenv", from: "TERRACE_DATABASE_URL", threads: 5, a: "yml", b: "production", level: slog.LevelError},
		},
		"the environment over .env": {
			files:       map[string]string{"terrace.yml": yml, ".env": dotenv},
			environment: map[string]string{"TERRACE_DATABASE_URL": "environment", "TERRACE_THREADS": "6", "TERRACE_LOG_LEVEL": "debug"},
			want:        outcome{database: "environment", from: "TERRACE_DATABASE_URL", threads: 6, a: "yml", b: "yml", level: slog.LevelDebug},
		},
		"flags over the environment": {
			files:       map[string]string{"terrace.yml": yml, ".env": dotenv},
			environment: map[string]string{"TERRACE_DATABASE_URL": "environment", "TERRACE_THREADS": "6", "TERRACE_LOG_LEVEL": "debug"},
			flags:       Globals{DatabaseURL: "flag", Threads: new(7), Var: map[string]string{"b": "flag"}, LogLevel: "info"},
			want:        outcome{database: "flag", from: "--database-url", threads: 7, a: "yml", b: "flag", level: slog.LevelInfo},
		},
		"the first variable that names a database": {
			files:       map[string]string{"terrace.yml": yml, ".env": "DATABASE_URL=second\n"},
			environment: map[string]string{"PG_DSN": "third", "PGHOST": "fourth"},
			want:        outcome{database: "second", from: "DATABASE_URL", threads: 2, a: "yml", b: "yml", level: slog.LevelWarn},
		},
		"libpq's variables as the last": {
			files:       map[string]string{"terrace.yml": yml, ".env": "PGPASSWORD=it's\\\\\n"},
			environment: map[string]string{"PGHOST": "db", "PGUSER": "shop"},
			want:        outcome{database: `host='db' user='shop' password='it\'s\\\\'`, from: "PG*", threads: 2, a: "yml", b: "yml", level: slog.LevelWarn},
		},
		"libpq's user alone names no database": {
			files: map[string]string{"terrace.yml": yml}, environment: map[string]string{"PGUSER": "shop"},
			want: outcome{database: "yml", threads: 2, a: "yml", b: "yml", level: slog.LevelWarn},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app, err := opened(t, test.files, test.environment, test.flags)
			require.NoError(t, err)
			p, err := app.load()
			require.NoError(t, err)
			database := app.settings.databaseURL
			if database == "" {
				database = p.database(app)
			}
			require.Equal(t, test.want, outcome{
				database: database, from: app.settings.databaseFrom, threads: p.threads(app),
				a: p.vars["a"], b: p.vars["b"], level: app.settings.logLevel,
			})
		})
	}
}

func TestSettings_anUnreadableDotEnvIsNotQuoted(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		text string
		line string
	}{
		"open quote":      {"A=1\nTOKEN=\"" + canary + "\nB=2\n", ".env:2:"},
		"no name":         {canary + " and more\n", ".env:1:"},
		"after many rows": {"A=1\n\n# comment\nB='two\nlines'\nD=\nC! " + canary + "\n", ".env:7:"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := opened(t, map[string]string{"terrace.yml": "name: shop\n", ".env": test.text}, nil, Globals{})
			var input *inputError
			require.ErrorAs(t, err, &input)
			require.Contains(t, input.message, test.line)
			require.NotContains(t, input.message+input.hint, canary)
		})
	}
}
