package raftlog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/belay-ha/belay/internal/durable"
)

// MadeFile is the file that tells of a data directory that a log was made in it.
// It stands beside the directory, to stay when that is deleted or not mounted. A
// voter that lost its log and began a new one would vote a second time, and could
// make a leader that lacks acknowledged changes.
func MadeFile(dataDir string) string { return filepath.Clean(dataDir) + ".made" }

func logWasMade(dataDir string) (bool, error) {
	_, err := os.Stat(MadeFile(dataDir))
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	default:
		return false, fmt.Errorf("look whether this member had a log: %w", err)
	}
}

// noteLogMade leaves the note. It is on the disk before the log's first record is.
func noteLogMade(dataDir string) error {
	path := MadeFile(dataDir)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		err = errors.Join(file.Sync(), file.Close(), durable.SyncDir(filepath.Dir(path)))
	}
	if err != nil {
		return fmt.Errorf("note that this member has a log: %w", err)
	}
	return nil
}
