package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"
)

// canary is a secret that must not turn up anywhere.
const canary = "canary-7f3a91c2"

// newOutside starts what scripts meet beyond the database, and returns the variables that say where it is:
//
//	API       an upstream: /good lists orders, /down and /busy answer by status alone, /html answers with a page for people, /refuse does not know the token, /robot takes alerts without a signature
//	LOCKED    the URL of a database that refuses the password
//	DOWN      the URL of a database where no server listens
//	NOWHERE   an address where no upstream listens
//	ADDRESS   an address that is taken
func newOutside(t *testing.T) map[string]string {
	t.Helper()
	api := httptest.NewServer(upstream())
	t.Cleanup(api.Close)
	closed := refusingPort(t)
	locked := lockedServer(t)
	return map[string]string{
		"API": api.URL, "ADDRESS": api.Listener.Addr().String(), "NOWHERE": "http://" + closed, "CANARY": canary,
		"LOCKED":         fmt.Sprintf("postgres://shop:%s@%s/shop?sslmode=disable", canary, locked),
		"DOWN":           fmt.Sprintf("postgres://shop:%s@%s/shop?sslmode=disable", canary, closed),
		"LOCKED_ADDRESS": locked,
	}
}

func upstream() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/good/orders", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"code": 0, "data": {"total": 3, "orders": [{"id": 1, "n": "10"}, {"id": 2, "n": "20"}, {"id": 3, "n": "30"}]}}`)
	})
	mux.HandleFunc("/html/orders", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<!doctype html><title>Please sign in</title>")
	})
	// It repeats what it was sent, as error pages do.
	mux.HandleFunc("/refuse/orders", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, `{"code": 401, "message": "bad header %s"}`, r.Header.Get("Authorization"))
	})
	mux.HandleFunc("/echo/orders", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"code": 7, "message": "not for %s"}`, r.Header.Get("Authorization"))
	})
	mux.HandleFunc("/down/orders", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "down for repairs", http.StatusServiceUnavailable)
	})
	mux.HandleFunc("/busy/orders", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "slow down", http.StatusTooManyRequests) })
	// It takes messages as a robot of DingTalk does, and sends signatures back.
	mux.HandleFunc("POST /robot", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("sign") == "" {
			fmt.Fprint(w, `{"errcode": 0, "errmsg": "ok"}`)
			return
		}
		fmt.Fprintf(w, `{"errcode": 310000, "errmsg": "sign not match, token %s"}`, r.URL.Query().Get("access_token"))
	})
	return mux
}

// refusingPort is an address where nobody listens, and where nobody else can until the test ends: it is taken.
func refusingPort(t *testing.T) string {
	t.Helper()
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	require.NoError(t, err)
	syscall.CloseOnExec(socket)
	t.Cleanup(func() { require.NoError(t, syscall.Close(socket)) })
	require.NoError(t, syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	address, err := syscall.Getsockname(socket)
	require.NoError(t, err)
	require.IsType(t, &syscall.SockaddrInet4{}, address)
	return fmt.Sprintf("127.0.0.1:%d", address.(*syscall.SockaddrInet4).Port)
}

// lockedServer answers every client as PostgreSQL answers a wrong password.
func lockedServer(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			refuse(conn)
		}
	}()
	return listener.Addr().String()
}

func refuse(conn net.Conn) {
	defer conn.Close()
	server := pgproto3.NewBackend(conn, conn)
	if _, err := server.ReceiveStartupMessage(); err != nil {
		return
	}
	server.Send(&pgproto3.ErrorResponse{
		Severity: "FATAL", Code: "28P01", Message: `password authentication failed for user "shop"`,
	})
	_ = server.Flush() // a client that has gone needs no answer
}
