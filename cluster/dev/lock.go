package dev

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// ErrInUse means that another process runs a cluster from the same directory.
var ErrInUse = errors.New("another belayd runs a cluster there")

// lock takes the directory for this process until release is called, or the process
// ends. A second cluster there would speak to the members of the first, and hand
// them its own power controllers.
func lock(dir string) (release func(), err error) {
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s: %w: end it, or use another --data-dir", dir, ErrInUse)
		}
		return nil, fmt.Errorf("lock the data directory %s: %w", dir, err)
	}
	return func() { file.Close() }, nil
}

// checkSocketPath refuses directories whose sockets could not be opened: the
// kernel takes 107 bytes and a zero (unix(7)).
func checkSocketPath(path string) error {
	const most = 107
	if len(path) > most {
		return fmt.Errorf("the socket %s would have a path of %d bytes, and Linux takes %d: use a shorter --data-dir", path, len(path), most)
	}
	return nil
}
