package pgserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// lockFile takes the lock under which a server is made, started and stopped, waiting for it. Closing the file gives it
// back, as does the end of the process.
func lockFile(ctx context.Context, dataDir string) (*os.File, error) {
	path := dataDir + ".lock"
	file, err := os.OpenFile(path, os.O_RDONLY|os.O_CREATE, 0o644)
	if err != nil {
		return nil, classify(fmt.Errorf("open %s: %w", path, err))
	}
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return file, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return nil, errors.Join(fmt.Errorf("wait for another process that starts or stops the server: %w", err), file.Close())
		}
	}
}

// hold marks the data as used by the server that inherits the file, and by each of its processes, until the last of them has
// ended. A process number says less: it may be in another container, or of a server that died before its sessions.
func hold(dataDir string) (*os.File, error) {
	path := dataDir + ".held"
	file, err := os.OpenFile(path, os.O_RDONLY|os.O_CREATE, 0o644)
	if err != nil {
		return nil, classify(fmt.Errorf("open %s: %w", path, err))
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(&Error{
			Kind:    InUse,
			Message: "processes of a server in another container, or of one that crashed, still use " + dataDir,
			Hint:    hintHeld,
		}, file.Close())
	}
	return file, nil
}
