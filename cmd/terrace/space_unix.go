//go:build unix

package main

import (
	"golang.org/x/sys/unix"

	"github.com/terrace-elt/terrace/dag/alert"
)

// spaceOf asks for the room on a folder's disk: what is left to others than root. Nil where it cannot be told.
func spaceOf(dir string) *alert.Space {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return nil
	}
	block := int64(s.Bsize) //nolint:unconvert // of another type elsewhere
	return &alert.Space{Free: int64(s.Bavail) * block, Total: int64(s.Blocks) * block}
}
