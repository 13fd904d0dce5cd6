package pgserver

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// longestSocket is what every system we run on can take: Linux 107 bytes, macOS 103.
const longestSocket = 103

// runDir makes the directory of the socket, for the identity alone: whoever reaches the socket is the superuser.
func (o Options) runDir(id identity) (string, error) {
	dir := o.RunDir
	if dir == "" {
		dir = shortDir(os.TempDir(), id.uid, o.DataDir)
	}
	if path := socketFile(dir); len(path) > longestSocket {
		return "", &Error{
			Kind:    Socket,
			Message: fmt.Sprintf("the socket's path %s is %d bytes long; the operating system takes %d", path, len(path), longestSocket),
			Hint:    "Name a shorter run directory.",
		}
	}
	switch err := os.Mkdir(dir, 0o700); {
	case err == nil:
		if err := id.give(dir); err != nil {
			return "", classify(fmt.Errorf("give %s to user %d: %w", dir, id.uid, err))
		}
	case !errors.Is(err, fs.ErrExist):
		return "", classify(fmt.Errorf("make %s: %w", dir, err))
	}
	return dir, id.owns(dir)
}

// shortDir names a directory that follows from the data directory. Where the temporary directory's own path is long, as
// it is under some build tools, it lies in /tmp.
func shortDir(temp string, uid int, dataDir string) string {
	name := fmt.Sprintf("terrace-%d-%x", uid, sha256.Sum256([]byte(dataDir)))[:len("terrace--")+len(fmt.Sprint(uid))+12]
	if dir := filepath.Join(temp, name); len(socketFile(dir)) <= longestSocket {
		return dir
	}
	return filepath.Join("/tmp", name)
}

// owns makes sure that a directory with a name that others could foresee is ours and closed to them.
func (id identity) owns(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return classify(err)
	}
	if owner := int(info.Sys().(*syscall.Stat_t).Uid); !info.IsDir() || owner != id.uid || info.Mode().Perm()&0o077 != 0 {
		return &Error{
			Kind:    InUse,
			Message: fmt.Sprintf("%s is there already, and is not a directory of user %d closed to others", dir, id.uid),
			Hint:    "Remove it, or name another run directory.",
		}
	}
	return nil
}
