// Package durable writes small files that must outlive a power cut. It holds no
// state and starts no goroutine.
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Replace writes a file of that mode, less the umask, in the place of name, whose
// directory exists. When it returns nil the file is whole and on the disk; after an
// error, or a power cut in between, name is as it was before or whole. Two calls for
// one name at once are the caller's to prevent.
func Replace(name string, data []byte, mode fs.FileMode) error {
	dir, base := filepath.Split(name)
	half := filepath.Join(dir, "."+base+".new")
	if err := os.Remove(half); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a crash
		return fmt.Errorf("write %s: %w", name, err)
	}
	file, err := os.OpenFile(half, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(half, name)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, errors.Join(err, os.Remove(half)))
	}
	return SyncDir(filepath.Dir(name))
}

// SyncDir brings the names in a directory to the disk: without it a file that was
// made, renamed or removed there may be as before after a power cut.
func SyncDir(name string) error {
	dir, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return fmt.Errorf("sync directory %s: %w", name, err)
	}
	return nil
}
