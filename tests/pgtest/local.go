package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/terrace-elt/terrace/cmd/pgserver"
)

// slots bounds how many processes of one user test at a time. Each takes the first free one, so there are never more
// than have run at once, and the next run finds the server's files and the template in it.
const slots = 64

// local starts a server for this process, which ends with it.
func local(ctx context.Context) (location, note string, err error) {
	dir, err := takeSlot(filepath.Join(os.TempDir(), fmt.Sprintf("terrace-pgtest-%d", os.Geteuid())))
	if err != nil {
		return "", "", fmt.Errorf("find a place for a test server: %w", err)
	}
	options := pgserver.Options{DataDir: filepath.Join(dir, "postgres"), Throwaway: true}
	note = " (gone with its server unless TERRACE_TEST_KEEP=1)"
	if os.Getenv("TERRACE_TEST_KEEP") != "" {
		options.Throwaway, note = false, ""
	}
	server, err := pgserver.Start(ctx, options)
	if spoiled(err) {
		// A throw-away server's files do not survive a crash of the machine, nor an upgrade of the binaries.
		if err := os.RemoveAll(options.DataDir); err != nil {
			return "", "", err
		}
		server, err = pgserver.Start(ctx, options)
	}
	if err != nil {
		return "", "", fmt.Errorf("start a test server: %w", err)
	}
	return server.URL(), note, nil
}

func spoiled(err error) bool {
	var failed *pgserver.Error
	if !errors.As(err, &failed) {
		return false
	}
	switch failed.Kind {
	case pgserver.Damaged, pgserver.Failed, pgserver.WrongVersion:
		return true
	default:
		return false
	}
}

// takeSlot returns a directory that is ours until this process ends.
func takeSlot(root string) (string, error) {
	if err := os.Mkdir(root, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	info, err := os.Lstat(root)
	if err != nil {
		return "", err
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !ok || !info.IsDir() || int(stat.Uid) != os.Geteuid() {
		return "", fmt.Errorf("%s is another user's", root)
	}
	for i := range slots {
		dir := filepath.Join(root, fmt.Sprint(i))
		// Not closed, and not an os.File, which the garbage collector would close: the lock is to last.
		lock, err := syscall.Open(dir+".lock", syscall.O_RDONLY|syscall.O_CREAT|syscall.O_CLOEXEC, 0o644)
		if err != nil {
			return "", fmt.Errorf("open %s.lock: %w", dir, err)
		}
		if syscall.Flock(lock, syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			return dir, nil
		}
		_ = syscall.Close(lock)
	}
	return "", fmt.Errorf("all %d places in %s are taken", slots, root)
}
