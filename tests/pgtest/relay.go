package pgtest

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// Relay listens until the test ends, for programs that cannot be given a dialer, and returns the connection string with which
// they reach the database of another one through connections that have faults.
func (f *Faults) Relay(t testing.TB, url string) string {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	require.NoError(t, err)
	network, address := networkOf(config)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	dial := f.Dial((&net.Dialer{}).DialContext)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return // the test has ended
			}
			server, err := dial(context.Background(), network, address)
			if err != nil {
				_ = client.Close()
				continue
			}
			serving.Go(func() { relay(client, server) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
	})
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	return fmt.Sprintf("host=127.0.0.1 port=%s dbname=%s user=%s password=%s sslmode=disable", port, config.Database, config.User, quotedValue(config.Password))
}

func networkOf(config *pgx.ConnConfig) (network, address string) {
	if strings.HasPrefix(config.Host, "/") {
		return "unix", fmt.Sprintf("%s/.s.PGSQL.%d", config.Host, config.Port)
	}
	return "tcp", net.JoinHostPort(config.Host, fmt.Sprint(config.Port))
}

func quotedValue(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}

// relay passes on what both sides say until one of them ends.
func relay(client, server net.Conn) {
	var answers sync.WaitGroup
	answers.Go(func() {
		_, _ = io.Copy(client, server) // the end of a connection is no failure
		_ = client.Close()
	})
	_, _ = io.Copy(server, client)
	_ = server.Close()
	answers.Wait()
}
