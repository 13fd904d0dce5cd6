package pgserver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// identity is the user that a server runs as, which is not always ours: PostgreSQL refuses to run as root.
type identity struct {
	uid, gid int // whose the files are
	// credential is set when the processes become another user.
	credential *syscall.Credential
	// namespace is set when the processes believe to be this user, in a user namespace, while their files stay ours.
	namespace int
}

func (id identity) attributes() *syscall.SysProcAttr {
	if id.namespace != 0 {
		return inNamespace(id.namespace)
	}
	return &syscall.SysProcAttr{Credential: id.credential}
}

// command prepares a program of the server's. It gets nothing of our environment but where to find libraries: what is
// set for clients (PGPORT, PGDATA, …) would change it.
func (id identity) command(ctx context.Context, lookupEnv func(string) (string, bool), program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = "/"
	cmd.SysProcAttr = id.attributes()
	cmd.Env = []string{"LC_ALL=C", "PATH=" + filepath.Dir(program) + ":/usr/bin:/bin"}
	for _, name := range []string{"LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TZ"} {
		if value, set := lookupEnv(name); set {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	return cmd
}

// give makes a file or directory the identity's own.
func (id identity) give(path string) error {
	if id.credential == nil {
		return nil
	}
	return os.Lchown(path, id.uid, id.gid)
}

// identify decides who runs the server. Data that is there decides by its owner; otherwise we do ourselves, or, when we are
// root, the user postgres or nobody, or, where these cannot reach the data or root may not become them, we do in
// a user namespace.
func (o Options) identify(ctx context.Context, bin string) (identity, error) {
	owner, err := ownerOf(o.DataDir)
	if err != nil {
		return identity{}, err
	}
	var refusals []error
	for _, id := range possible(owner) {
		err := o.try(ctx, id, bin)
		if err == nil {
			return id, nil
		}
		refusals = append(refusals, err)
	}
	if len(refusals) == 0 {
		return identity{}, &Error{
			Kind:    Privilege,
			Message: fmt.Sprintf("%s belongs to user %d", o.DataDir, owner),
			Hint:    hintOwner,
		}
	}
	if os.Geteuid() != 0 {
		return identity{}, &Error{Kind: Failed, Message: "the server's programs do not run", Hint: "See whether this works: " + filepath.Join(bin, "postgres") + " --version", Err: errors.Join(refusals...)}
	}
	return identity{}, &Error{
		Kind:    Privilege,
		Message: "PostgreSQL does not run as root, and terrace cannot run it as somebody else here",
		Hint: "Put the project where the user postgres can reach it, run terrace as an ordinary user, " +
			"or set TERRACE_DATABASE_URL to use another server.",
		Err: errors.Join(refusals...),
	}
}

// ownerOf is the owner of a directory, -1 when it is not there.
func ownerOf(path string) (int, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return -1, nil
	}
	if err != nil {
		return 0, classify(err)
	}
	return int(info.Sys().(*syscall.Stat_t).Uid), nil
}

// possible lists who could run the server on data of this owner (-1: none yet), best first.
func possible(owner int) []identity {
	self := identity{uid: os.Geteuid(), gid: os.Getegid()}
	masked := self
	masked.namespace = unprivileged()
	switch {
	case owner >= 0 && owner != self.uid && self.uid != 0:
		return nil
	case owner > 0 && self.uid == 0:
		return []identity{become(owner)}
	case owner == 0:
		return []identity{masked}
	case self.uid != 0:
		if _, err := user.LookupId(strconv.Itoa(self.uid)); err != nil {
			return []identity{masked, self} // initdb refuses a user without a name
		}
		return []identity{self}
	}
	var ids []identity
	for _, name := range []string{"postgres", "nobody"} {
		if uid, err := uidOf(name); err == nil {
			ids = append(ids, become(uid))
		}
	}
	return append(ids, masked)
}

func become(uid int) identity {
	gid := uid
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		if n, err := strconv.Atoi(u.Gid); err == nil {
			gid = n
		}
	}
	return identity{uid: uid, gid: gid, credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}

func uidOf(name string) (int, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(u.Uid)
}

// unprivileged is the number of a user that initdb finds a name for.
func unprivileged() int {
	if uid, err := uidOf("nobody"); err == nil {
		return uid
	}
	return 65534 // what the kernel calls nobody
}

// try runs the server's program as the identity, in the directory above the data, which tells all that matters: whether we
// may become it, whether it can run the program, and whether it can reach the data.
func (o Options) try(ctx context.Context, id identity, bin string) error {
	if id.namespace != 0 && inNamespace(id.namespace) == nil {
		return errors.New("this operating system has no user namespaces")
	}
	cmd := id.command(ctx, o.LookupEnv, filepath.Join(bin, "postgres"), "--version")
	cmd.Dir = filepath.Dir(o.DataDir)
	if err := cmd.Run(); err != nil {
		if id.namespace != 0 {
			return fmt.Errorf("in a user namespace: %w", err)
		}
		return fmt.Errorf("as user %d: %w", id.uid, err)
	}
	return nil
}
