// Package pgtest gives each test a private database on a real PostgreSQL. The server is the one that
// TERRACE_TEST_DATABASE_URL names, else a container, else a throw-away one made from binaries found on this machine.
// Databases are clones of a migrated template; one is dropped when its test passes and kept, with its URL printed, when
// it fails, until the next run.
package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/migrations"
)

// wait bounds every step of getting a database: long enough for a crash recovery on a slow disk, and for one's turn behind
// many others.
const wait = 10 * time.Minute

// DB is one test's database.
type DB struct {
	// URL opens the database as its owner, a superuser, with the server's default settings.
	URL string
	// Pool has an empty search_path in every session. It is closed when the test ends.
	Pool *pgxpool.Pool
}

// New gives the test a database with schema terrace in it. Where there is no server the test is skipped, except in CI, where
// it fails.
func New(t testing.TB) *DB {
	t.Helper()
	s := running(t)
	return s.database(t, s.template)
}

// NewEmpty gives the test a database with nothing in it.
func NewEmpty(t testing.TB) *DB {
	t.Helper()
	return running(t).database(t, empty)
}

// Clone gives the test another database with what is in this one. Nobody else may be connected to it, or be about to.
func (db *DB) Clone(t testing.TB) *DB {
	t.Helper()
	db.Pool.Reset()
	return running(t).database(t, db.Pool.Config().ConnConfig.Database)
}

// ServerURL opens the server's own database as a superuser, for tests that make roles and databases themselves.
func ServerURL(t testing.TB) string {
	t.Helper()
	return running(t).url
}

// Conn opens one more connection, with an empty search_path. It is closed when the test ends.
func (db *DB) Conn(t testing.TB) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(db.URL)
	require.NoError(t, err)
	config.RuntimeParams["search_path"] = ""
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, config)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// running gives the server that all tests of this process share; the first test that asks starts it.
func running(t testing.TB) *server {
	t.Helper()
	s, err := shared()
	if err == nil {
		return s
	}
	if !errors.Is(err, errNone) || os.Getenv("CI") == "true" {
		require.NoError(t, err, "PostgreSQL to test on")
	}
	t.Skip(err)
	return nil
}

// errNone says that this machine has no PostgreSQL. One that does not work is a failure: tests that are skipped without
// a reason would look well.
var errNone = errors.New("no PostgreSQL to test on")

var shared = sync.OnceValues(open)

// server is the PostgreSQL that this process's tests use.
type server struct {
	url      string
	note     string // what to know about a kept database
	token    string // in the names of this process's databases
	template string
	made     atomic.Int64

	// mu guards conn, which makes and drops databases. It stays open as long as the process lives: by its
	// application_name later runs know that our databases are in use.
	mu   sync.Mutex
	conn *pgx.Conn
}

func open() (*server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	location, note, err := locate(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNone, err)
	}
	return use(ctx, location, note)
}

// use connects to a server and makes it ready to clone databases on.
func use(ctx context.Context, location, note string) (*server, error) {
	template, err := templateName(migrations.Files)
	if err != nil {
		return nil, err
	}
	s := &server{url: location, note: note, token: token(), template: template}
	config, err := pgx.ParseConfig(location)
	if err != nil {
		return nil, fmt.Errorf("parse URL of the test server: %w", err)
	}
	if !strings.Contains(location, "://") {
		return nil, errors.New("TERRACE_TEST_DATABASE_URL is to have the form postgres://user@host/database")
	}
	config.RuntimeParams["application_name"] = applicationName(s.token, s.template)
	if s.conn, err = pgx.ConnectConfig(ctx, config); err != nil {
		return nil, fmt.Errorf("connect to the test server: %w", err)
	}
	return s, s.prepare(ctx)
}

func token() string {
	b := make([]byte, 4)
	_, _ = rand.Read(b) // never fails
	return fmt.Sprintf("%x", b)
}

// database clones a template for one test.
func (s *server) database(t testing.TB, template string) *DB {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	name, err := s.create(ctx, template)
	for inUse(err) && ctx.Err() == nil { // the server takes note of a session's end a moment later
		name, err = s.create(ctx, template)
	}
	require.NoError(t, err)
	db := &DB{URL: s.urlOf(name)}
	config, err := pgxpool.ParseConfig(db.URL)
	require.NoError(t, err)
	config.ConnConfig.RuntimeParams["search_path"] = ""
	db.Pool, err = pgxpool.NewWithConfig(ctx, config)
	require.NoError(t, err)
	t.Cleanup(func() {
		db.Pool.Close()
		if t.Failed() {
			t.Logf("database kept until the next run: %s%s", db.URL, s.note)
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), wait)
		defer cancel()
		require.NoError(t, s.drop(ctx, name))
	})
	return db
}

// inUse reports whether a database could not be cloned because somebody is connected to it.
func inUse(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && refused.Code == "55006"
}

// urlOf is the server's URL with another database.
func (s *server) urlOf(database string) string {
	u, err := url.Parse(s.url)
	if err != nil {
		panic(fmt.Sprintf("pgtest: the server's URL parsed before and does not now: %v", err))
	}
	u.Path = "/" + database
	return u.String()
}
