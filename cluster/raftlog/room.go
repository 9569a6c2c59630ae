package raftlog

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// ErrNoRoom: the disk is so full that the log cannot grow. Starting again helps
// once there is room.
var ErrNoRoom = errors.New("no room for the log")

// minRoom is how much must be free at the start. A node that starts with less
// would be heard by the others, count as a member, and end itself at its first
// write, again and again.
const minRoom = 16 << 20

// checkRoom fails with an error that wraps ErrNoRoom if the log could not grow.
func checkRoom(dir string, free func(dir string) (uint64, error)) error {
	bytes, err := free(dir)
	if err != nil {
		return fmt.Errorf("look for room in %s: %w", dir, err)
	}
	if bytes < minRoom {
		return fmt.Errorf("%w: %d KiB are free in %s, at least %d MiB must be: make room, belayd starts again by itself", ErrNoRoom, bytes>>10, dir, minRoom>>20)
	}
	return nil
}

// freeBytes is what root may still write in the directory's file system.
func freeBytes(dir string) (uint64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return 0, err
	}
	return fs.Bfree * uint64(fs.Bsize), nil //nolint:gosec // a block's size is positive
}
