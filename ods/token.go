package ods

import (
	"context"
	_ "embed"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var (
	//go:embed sql/read_token.sql
	readTokenSQL string
	//go:embed sql/save_token.sql
	saveTokenSQL string
)

// saveTime is how long a new token may take to be saved. A source that rotates refresh tokens does not give it twice, so it
// is saved also when the run is being cancelled.
const saveTime = 15 * time.Second

// Token is what a source knows its readers by for a while. The zero Token is none.
//
// Tokens are stored as they are, not encrypted: whoever can read terrace.token can act as the reader of a source. Of the
// roles that terrace makes, only the loader can.
type Token struct {
	Access  string
	Refresh string    // "" where the source gives none
	Expires time.Time // zero when the source does not say
	Issued  time.Time
}

// Token reads a source's token as it was saved last; the zero Token when there is none.
func (s *Store) Token(ctx context.Context, source string) (Token, error) {
	token, err := readToken(ctx, s.pool, source)
	return token, wrap(err, "read token of source %s", source)
}

// RenewToken replaces a source's token by what renew makes of the present one, which may be the zero Token, and returns
// it when it has been committed. Of many processes one renews at a time; the others then find its token as the present
// one, and renew may return that unchanged. An error of renew changes nothing. No transaction is open while renew runs.
func (s *Store) RenewToken(ctx context.Context, source string, renew func(context.Context, Token) (Token, error)) (Token, error) {
	conn, err := s.dedicated(ctx)
	if err != nil {
		return Token{}, wrap(err, "renew token of source %s", source)
	}
	defer closeQuietly(ctx, conn) // and with it the lock
	if err := waitForLock(ctx, conn, "terrace.token:"+source); err != nil {
		return Token{}, wrap(err, "wait for the token of source %s", source)
	}
	present, err := readToken(ctx, conn, source)
	if err != nil {
		return Token{}, wrap(err, "read token of source %s", source)
	}
	renewed, err := renew(ctx, present)
	if err != nil || renewed == present {
		return renewed, err
	}
	return renewed, wrap(s.saveToken(ctx, conn, source, renewed), "save token of source %s", source)
}

// saveToken saves through the connection that holds the lock, or through another one when that was lost meanwhile.
func (s *Store) saveToken(ctx context.Context, conn *pgx.Conn, source string, t Token) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTime)
	defer cancel()
	args := []any{source, t.Access, t.Refresh, instantOrNull(t.Expires), t.Issued}
	_, err := conn.Exec(ctx, saveTokenSQL, args...)
	if err == nil || !conn.IsClosed() {
		return err
	}
	for {
		_, err := s.pool.Exec(ctx, saveTokenSQL, args...)
		var refused *pgconn.PgError
		if err == nil || errors.As(err, &refused) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(saveTime / 50):
		}
	}
}

// queryer is a connection or a pool.
type queryer interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func readToken(ctx context.Context, q queryer, source string) (Token, error) {
	var t Token
	var expires *time.Time
	err := q.QueryRow(ctx, readTokenSQL, source).Scan(&t.Access, &t.Refresh, &expires, &t.Issued)
	if errors.Is(err, pgx.ErrNoRows) {
		return Token{}, nil
	}
	if expires != nil {
		t.Expires = *expires
	}
	return t, err
}
