package extract_test

import (
	"bytes"
	"net"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"
)

// askingServer speaks as much of PostgreSQL's protocol as it takes to be told a password in the clear.
type askingServer struct {
	address string
	mu      sync.Mutex
	heard   bytes.Buffer
}

func newAskingServer(t *testing.T) *askingServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	s := &askingServer{address: listener.Addr().String()}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.ask(conn)
		}
	}()
	return s
}

func (s *askingServer) ask(conn net.Conn) {
	defer conn.Close()
	backend := pgproto3.NewBackend(conn, conn)
	startup, err := backend.ReceiveStartupMessage()
	if err != nil {
		return
	}
	s.hear(startup)
	backend.Send(&pgproto3.AuthenticationCleartextPassword{})
	if backend.Flush() != nil || backend.SetAuthType(pgproto3.AuthTypeCleartextPassword) != nil {
		return
	}
	if answer, err := backend.Receive(); err == nil {
		s.hear(answer)
	}
}

func (s *askingServer) hear(m pgproto3.FrontendMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if raw, err := m.Encode(nil); err == nil {
		s.heard.Write(raw)
	}
}

func (s *askingServer) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heard.String()
}
