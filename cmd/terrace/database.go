package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/terrace-elt/terrace/cmd/pgserver"
	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/migrations"
)

// connectTimeout bounds one attempt to reach the server.
const connectTimeout = 10 * time.Second

// hangUpTimeout bounds the end of a connection.
const hangUpTimeout = 2 * time.Second

// A machine that vanishes closes no connection. Both ends ask after so long a silence, and after so many questions without an
// answer they know: the server ends the statement and lets go of its locks, and the client tries again.
const (
	silence   = 15 * time.Second
	asksEvery = 5 * time.Second
	asks      = 3
)

// keepAlive has the server ask for the client, also in the midst of a statement. Of what it says only that matters where the
// connection is no network's.
func keepAlive(ctx context.Context, conn *pgconn.PgConn) error {
	return conn.Exec(ctx, fmt.Sprintf(`select
    set_config('tcp_keepalives_idle', '%d', false),
    set_config('tcp_keepalives_interval', '%d', false),
    set_config('tcp_keepalives_count', '%d', false),
    set_config('tcp_user_timeout', '%d', false),
    set_config('client_connection_check_interval', '500ms', false)`,
		int(silence.Seconds()), int(asksEvery.Seconds()), asks, (silence+asks*asksEvery).Milliseconds())).Close()
}

// databaseURL names the database: flags and environment first, then terrace.yml, then the embedded server, which it
// starts.
func (a *App) databaseURL(ctx context.Context, configured string) (string, error) {
	if a.settings.databaseURL != "" {
		return a.settings.databaseURL, nil
	}
	if configured != "" {
		return configured, nil
	}
	server, err := pgserver.Start(ctx, a.serverOptions())
	if err != nil {
		return "", fmt.Errorf("start the embedded PostgreSQL: %w", err)
	}
	if server.Started {
		a.Log.Info("embedded PostgreSQL started", "data", server.DataDir)
	}
	return server.URL(), nil
}

// dataDir is where the project's embedded server keeps its data.
func (a *App) dataDir() string { return filepath.Join(a.Dir, ".terrace", "postgres") }

func (a *App) serverOptions() pgserver.Options {
	return pgserver.Options{DataDir: a.dataDir(), LookupEnv: a.LookupEnv, Logger: a.Log}
}

// poolConfig parses a connection string. The error of a wrong one names no password.
func (a *App) poolConfig(url string) (*pgxpool.Config, error) {
	a.secrets.addURL(url)
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, &inputError{
			message: "the database URL cannot be read: " + a.redact(err.Error()),
			hint:    "Write postgres://USER@HOST:5432/DATABASE, and the password into PGPASSWORD.",
		}
	}
	if a.databaseName != "" {
		config.ConnConfig.Database = a.databaseName
	}
	if password, _ := a.LookupEnv("PGPASSWORD"); config.ConnConfig.Password == "" { // it may stand in .env, where the driver does not look
		config.ConnConfig.Password = password
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = connectTimeout
	}
	config.ConnConfig.AfterConnect = keepAlive
	config.ConnConfig.BuildContextWatcherHandler = dag.CancelledByServer
	config.ConnConfig.DialFunc = (&net.Dialer{KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: silence, Interval: asksEvery, Count: asks,
	}}).DialContext
	return config, nil
}

// projectConfig is how to reach the database that the project's commands work on.
func (a *App) projectConfig(ctx context.Context) (*pgxpool.Config, error) {
	url, err := a.projectURL(ctx)
	if err != nil {
		return nil, err
	}
	return a.poolConfig(url)
}

// openPool opens a pool after it has brought schema terrace up to date.
func (a *App) openPool(ctx context.Context, config *pgxpool.Config) (*pgxpool.Pool, error) {
	conn, err := a.connect(ctx, config)
	if err != nil {
		return nil, err
	}
	hangUp(conn)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	return pool, nil
}

// hangUp closes a connection that nothing is open on. Who does not take the goodbye in a moment is gone.
func hangUp(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), hangUpTimeout)
	defer cancel()
	_ = conn.Close(ctx)
}

// connect opens one connection and brings schema terrace up to date.
func (a *App) connect(ctx context.Context, config *pgxpool.Config) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, config.ConnConfig.Copy())
	if err != nil {
		return nil, err
	}
	if err := migrations.Up(ctx, conn); err != nil {
		hangUp(conn)
		return nil, schemaError(err)
	}
	return conn, nil
}

// schemaError says that the database is not as it must be, unless the connection itself broke.
func schemaError(err error) error {
	var network net.Error
	if errors.As(err, &network) {
		return err
	}
	hint := ""
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "42501" {
		hint = "The role may neither use schema terrace nor make it. Run as its owner or a member of terrace_transformer, or grant CREATE on the database."
	}
	return &surroundingsError{err: err, hint: hint}
}
