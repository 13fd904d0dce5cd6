package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestMain_failsWhenTheResultCannotBeWritten(t *testing.T) {
	t.Parallel()
	var talk bytes.Buffer
	code := Main([]string{"version"}, Env{
		Stdout: full{}, Stderr: &talk, Now: time.Now,
		LookupEnv: func(string) (string, bool) { return "", false },
	})
	require.Equal(t, exitSurroundings, code)
	require.Contains(t, talk.String(), "error: write the result: no space left on device")
}

func TestReadDotEnv_passesOverAByteOrderMark(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".env"), []byte("\xef\xbb\xbfTOKEN=\"a b\" # quoted\r\n"), 0o600))
	values, err := readDotEnv(dir)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"TOKEN": "a b"}, values)
}
