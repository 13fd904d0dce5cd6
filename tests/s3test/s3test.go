// Package s3test gives tests a real S3 server of their own: versitygw over a temporary folder. The server is built once,
// at a pinned version, into the user's cache; nothing of it becomes a dependency of terrace.
package s3test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"
)

const (
	module  = "github.com/versity/versitygw/cmd/versitygw"
	version = "v1.8.0"

	buildTime = 25 * time.Minute // two cores need three
	readyTime = 5 * time.Minute

	// A port that was free a moment ago may be somebody else's by now.
	attempts = 10
)

// Server is a running server with credentials and one bucket.
type Server struct {
	Endpoint             string // "http://127.0.0.1:40213"
	AccessKey, SecretKey string
	Bucket               string
	Client               *minio.Client
}

// New starts a server with an empty bucket, and ends it with the test. Where the server cannot be built, the test is
// skipped with the reason; in CI it fails. Under -short nothing is built: the test runs if the server is there.
func New(t testing.TB) *Server {
	t.Helper()
	binary, err := find(t)
	if err != nil && os.Getenv("CI") == "" {
		t.Skipf("NOT TESTED AGAINST S3: %v", err)
	}
	require.NoError(t, err)
	s := &Server{AccessKey: "terrace-access", SecretKey: "terrace-secret-key", Bucket: "landing"}
	for attempt := 1; !s.start(t, binary, attempt == attempts); attempt++ {
	}
	host := strings.TrimPrefix(s.Endpoint, "http://")
	s.Client, err = minio.New(host, &minio.Options{Creds: credentials.NewStaticV4(s.AccessKey, s.SecretKey, ""), Region: "us-east-1"})
	require.NoError(t, err)
	require.NoError(t, s.Client.MakeBucket(t.Context(), s.Bucket, minio.MakeBucketOptions{}))
	return s
}

// Put stores an object and gives its etag.
func (s *Server) Put(t testing.TB, key string, content []byte) string {
	t.Helper()
	info, err := s.Client.PutObject(t.Context(), s.Bucket, key, bytes.NewReader(content), int64(len(content)), minio.PutObjectOptions{})
	require.NoError(t, err)
	return info.ETag
}

// Remove deletes an object.
func (s *Server) Remove(t testing.TB, key string) {
	t.Helper()
	require.NoError(t, s.Client.RemoveObject(t.Context(), s.Bucket, key, minio.RemoveObjectOptions{}))
}

// start runs the server on a free port and waits until it answers. It reports whether it does: at the last attempt,
// anything else fails the test.
func (s *Server) start(t testing.TB, binary string, last bool) bool {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	folder := t.TempDir()
	var output bytes.Buffer
	server := exec.Command(binary, "--port", address, "posix", folder)
	server.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+s.AccessKey, "ROOT_SECRET_KEY="+s.SecretKey)
	server.Stdout, server.Stderr = &output, &output
	require.NoError(t, server.Start())
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGTERM) // it may have ended already
		select {
		case <-ended:
		case <-time.After(readyTime):
			_ = server.Process.Kill()
			<-ended
		}
	})
	s.Endpoint = "http://" + address
	deadline := time.After(readyTime)
	for {
		answer, err := http.Get(s.Endpoint) //nolint:noctx // the loop has a deadline
		if err == nil {
			_, _ = io.Copy(io.Discard, answer.Body)
			require.NoError(t, answer.Body.Close())
			return true
		}
		select {
		case err := <-ended:
			ended <- err
			if !last {
				t.Logf("the S3 server ended: %v", err)
				return false
			}
			t.Fatalf("the S3 server ended: %v\n%s", err, output.String())
		case <-deadline:
			t.Fatalf("the S3 server does not answer at %s: %v", address, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// find gives the server's binary, built if need be. Of several processes one builds and the others wait.
func find(t testing.TB) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	folder := filepath.Join(cache, "terrace-tests", "versitygw-"+version)
	binary := filepath.Join(folder, "versitygw")
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	if testing.Short() {
		return "", errors.New("the S3 server has not been built, which takes minutes; run without -short once")
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(folder, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	t.Logf("building %s@%s, which takes minutes once", module, version)
	return binary, build(folder, binary)
}

// build installs into a folder of its own and moves the binary to its place, so that a half-built one is never found.
func build(folder, binary string) error {
	ctx, cancel := context.WithTimeout(context.Background(), buildTime)
	defer cancel()
	bin := filepath.Join(folder, "bin")
	install := exec.CommandContext(ctx, "go", "install", module+"@"+version)
	install.Dir = folder
	install.Env = append(os.Environ(), "GOBIN="+bin, "GOFLAGS=", "GOWORK=off")
	if output, err := install.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s@%s: %w\n%s", module, version, err, output)
	}
	return os.Rename(filepath.Join(bin, "versitygw"), binary)
}

// lock waits for an exclusive lock, which the system lets go when the process ends.
func lock(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return func() { _ = file.Close() }, nil // closing lets go
}
