package extract

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgproto3"
)

// database is the server of one source of type postgres. All streams of the source share it, and with it the source's
// limits. It is only read.
type database struct {
	source  *Source
	config  *pgconn.Config
	place   string        // host, port and name, for people
	slots   chan struct{} // one for each connection at a time
	limits  pacer
	secrets *Secrets
	retry   Retry
	log     *slog.Logger

	mu   sync.Mutex
	idle []*pgconn.PgConn
}

// newDatabase knows where the server is. It does not connect.
func newDatabase(s *Source, d Deps) (*database, error) {
	db := &database{
		source: s, slots: make(chan struct{}, s.limits.concurrency), limits: newPacer(s, d),
		secrets: NewSecrets(s.secretValues(d.LookupEnv)...), retry: d.Retry.withDefaults(), log: d.Log,
	}
	address, err := s.url.plain(scope{env: d.LookupEnv, now: d.Now(), zone: time.UTC})
	if err != nil {
		return nil, (&client{source: s, secrets: db.secrets}).settings(err, "url")
	}
	if db.config, err = sourceConfig(address); err != nil {
		return nil, &Error{
			Kind: Settings, Message: fmt.Sprintf("url of source %s %v", s.Name, err),
			Hint: fmt.Sprintf("write postgres://user:password@host:5432/database%s", db.where()),
		}
	}
	db.place = fmt.Sprintf("%s:%d/%s", db.config.Host, db.config.Port, db.config.Database)
	limit := int(s.limits.maxBody)
	db.config.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		f := pgproto3.NewFrontend(r, w)
		f.SetMaxBodyLen(limit)
		return f
	}
	// A reading that is stopped stops the server's work, too.
	db.config.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: 2 * time.Second}
	}
	return db, nil
}

// known are the credentials of the database; nil is none, and knows none.
func (db *database) known() *Secrets {
	if db == nil {
		return nil
	}
	return db.secrets
}

// where names what the address comes from.
func (db *database) where() string {
	if len(db.source.url.variables) == 0 {
		return " in " + db.source.File
	}
	return fmt.Sprintf(" into %s, which %s uses", strings.Join(db.source.url.variables, ", "), db.source.File)
}

// sourceConfig reads an address. What it leaves out is not taken from the PG… variables of the environment, as libpq does:
// they are the warehouse's, and its password must not go to another server. Errors do not repeat the address.
func sourceConfig(address string) (*pgconn.Config, error) {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, errors.New("is no address of a PostgreSQL database")
	}
	given := u.Query()
	_, withPassword := u.User.Password()
	switch {
	case u.Host == "" && given.Get("host") == "":
		return nil, errors.New("names no host")
	case u.User.Username() == "" && given.Get("user") == "":
		return nil, errors.New("names no user")
	case strings.Trim(u.Path, "/") == "" && given.Get("dbname") == "" && given.Get("database") == "":
		return nil, errors.New("names no database")
	case !withPassword && !given.Has("password"):
		u.RawQuery = strings.TrimPrefix(u.RawQuery+"&password=", "&") // one of ~/.pgpass is for this host, and still found
	}
	config, err := pgconn.ParseConfig(u.String())
	if err != nil {
		return nil, errors.New("is no address of a PostgreSQL database, or has a setting that is not known")
	}
	return config, nil
}

// connect gives an idle connection or a new one, when there is a place for it.
func (db *database) connect(ctx context.Context) (*pgconn.PgConn, error) {
	select {
	case db.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if conn := db.kept(); conn != nil {
		return conn, nil
	}
	ctx, stop := context.WithTimeout(ctx, db.source.limits.timeout)
	defer stop()
	conn, err := pgconn.ConnectConfig(ctx, db.config)
	if err != nil {
		<-db.slots
		return nil, err
	}
	return conn, nil
}

func (db *database) kept() *pgconn.PgConn {
	db.mu.Lock()
	defer db.mu.Unlock()
	n := len(db.idle)
	if n == 0 {
		return nil
	}
	conn := db.idle[n-1]
	db.idle = db.idle[:n-1]
	return conn
}

// release ends the transaction of a connection and keeps it for the next slice, or closes it when that does not work.
func (db *database) release(ctx context.Context, conn *pgconn.PgConn) {
	defer func() { <-db.slots }()
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer stop()
	if !conn.IsClosed() {
		if _, err := conn.Exec(ctx, "rollback").ReadAll(); err == nil {
			db.mu.Lock()
			defer db.mu.Unlock()
			db.idle = append(db.idle, conn)
			return
		}
	}
	_ = conn.Close(ctx) // nothing was written on it
}

// rest closes what is idle.
func (db *database) rest(ctx context.Context) {
	for conn := db.kept(); conn != nil; conn = db.kept() {
		_ = conn.Close(context.WithoutCancel(ctx)) // nothing was written on it
	}
}

// session is what the server writes down its values by, so that a value has one form whatever the server's own settings
// are, and how long it may work on one statement that nobody waits for any more.
func (db *database) session(zone *time.Location) map[string]string {
	return map[string]string{
		"TimeZone": zone.String(), "DateStyle": "ISO, YMD", "IntervalStyle": "iso_8601", "bytea_output": "hex",
		"extra_float_digits": "1", "client_encoding": "UTF8",
		"statement_timeout": fmt.Sprint((db.source.limits.timeout + abandoned).Milliseconds()),
		// All rows are read, so the quickest way to the first ones is not what is wanted.
		"cursor_tuple_fraction": "1",
	}
}

// explain says what went wrong, and what to do. It never says with which password.
func (db *database) explain(ctx context.Context, request string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var own ownError
	var known *Error
	switch {
	case errors.As(err, &own):
		return own.error
	case errors.As(err, &known):
		return err
	}
	out := &Error{Kind: Transport, Request: request, Message: db.secrets.Redact(plainCause(err)), cause: err, repeat: true}
	out.Hint = fmt.Sprintf("is %s reachable from here?", db.place)
	if errors.Is(err, errTooSlow) {
		out.Kind, out.repeat = Refused, false
		out.Message = fmt.Sprintf("the server worked longer than limits.timeout (%s) and gave nothing", db.source.limits.timeout)
		out.Hint = "raise limits.timeout in " + db.source.File + ", read shorter slices, or give the query an index"
	}
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		db.judge(out, refused)
	}
	var large *pgproto3.ExceededMaxBodyLenErr
	if errors.As(err, &large) {
		out.Kind, out.repeat = Refused, false
		out.Message = fmt.Sprintf("a row is larger than limits.max_body (%d bytes)", db.source.limits.maxBody)
		out.Hint = "select fewer columns, or raise limits.max_body in " + db.source.File
	}
	return out
}

// plainCause is the innermost error of a failed connect: each address that was tried repeats the rest.
func plainCause(err error) string {
	var connect *pgconn.ConnectError
	if !errors.As(err, &connect) {
		return err.Error()
	}
	text := connect.Error()
	if cause := errors.Unwrap(connect); cause != nil {
		text = cause.Error()
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return "connect: " + strings.TrimSpace(lines[len(lines)-1])
}

// judge says what the server's refusal means.
func (db *database) judge(out *Error, refused *pgconn.PgError) {
	out.Message = db.secrets.Redact(fmt.Sprintf("%s (SQLSTATE %s)", refused.Message, refused.Code))
	out.Hint = db.secrets.Redact(refused.Hint)
	out.repeat = false
	switch class := refused.Code[:2]; {
	case class == "28":
		out.Kind, out.Hint = Auth, "correct user and password: put them"+db.where()
	case refused.Code == "3D000":
		out.Kind, out.Hint = Settings, "correct the name of the database: put it"+db.where()
	case refused.Code == "42501":
		out.Kind, out.Hint = Auth, "grant select on what the query reads to "+db.config.User
	case refused.Code == "57014":
		out.Kind = Refused
		out.Hint = "somebody there, or a timeout that is set there for " + db.config.User + ", ended the statement"
	case refused.Code == "25006":
		out.Kind, out.Hint = Settings, "a stream only reads; remove what writes from the query"
	case class == "42":
		out.Kind = Settings
		if out.Hint == "" {
			out.Hint = "correct the query in " + db.source.File
		}
	case passing(refused.Code):
		out.Kind, out.repeat = Transport, true
	default:
		out.Kind = Refused
	}
}

// passing reports whether a refusal is one of the moment: a server that starts or stops or is full, a standby that had to
// go on.
func passing(code string) bool {
	switch code {
	case "40001", "40P01", "57P01", "57P02", "57P03", "57P05", "53300", "25P03":
		return true
	}
	return strings.HasPrefix(code, "08")
}
