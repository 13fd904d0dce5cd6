package clitest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// CountStatements lets the project's commands talk to the server through a listener that counts what they ask to be
// executed, from now on until the test ends. What it gives tells the count so far.
func (p *Project) CountStatements() func() int {
	p.t.Helper()
	config, err := pgx.ParseConfig(p.url)
	require.NoError(p.t, err)
	network, address := pgNetwork(config)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(p.t, err)
	var count atomic.Int64
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return // the test has ended
			}
			server, err := net.Dial(network, address)
			if err != nil {
				_ = client.Close()
				continue
			}
			serving.Go(func() { relay(client, server, &count) })
		}
	})
	p.t.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
	})
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(p.t, err)
	p.url = fmt.Sprintf("host=127.0.0.1 port=%s dbname=%s user=%s password=%s sslmode=disable", port, config.Database, config.User, quoted(config.Password))
	return func() int { return int(count.Load()) }
}

func pgNetwork(config *pgx.ConnConfig) (network, address string) {
	if strings.HasPrefix(config.Host, "/") {
		return "unix", fmt.Sprintf("%s/.s.PGSQL.%d", config.Host, config.Port)
	}
	return "tcp", net.JoinHostPort(config.Host, fmt.Sprint(config.Port))
}

func quoted(password string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(password) + "'"
}

// relay passes what both sides say on until one of them ends.
func relay(client, server net.Conn, count *atomic.Int64) {
	var answers sync.WaitGroup
	answers.Go(func() {
		_, _ = io.Copy(client, server) // the end of a connection is no failure
		_ = client.Close()
	})
	if err := requests(client, server, count); !errors.Is(err, io.EOF) {
		_ = client.Close()
	}
	_ = server.Close()
	answers.Wait()
}

// requests passes the client's messages on and counts those that execute something: a simple query, or one that was
// prepared. The first message has no type. It returns why it ended, io.EOF at the end of the connection.
func requests(client io.Reader, server io.Writer, count *atomic.Int64) error {
	for typed := false; ; typed = true {
		header := make([]byte, 4)
		if typed {
			header = make([]byte, 5)
		}
		if _, err := io.ReadFull(client, header); err != nil {
			return err
		}
		if typed && (header[0] == 'Q' || header[0] == 'E') {
			count.Add(1)
		}
		if _, err := server.Write(header); err != nil {
			return err
		}
		size := int64(binary.BigEndian.Uint32(header[len(header)-4:])) - 4
		if _, err := io.CopyN(server, client, size); err != nil {
			return err
		}
	}
}
