package raftlog

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// retainSnapshots is how many snapshots are kept. The second is there for a
// person; a damaged newest one is refused, never skipped.
const retainSnapshots = 2

// snapshotDir is the folder that raft.FileSnapshotStore makes below its base.
const snapshotDir = "snapshots"

// snapshotStore is raft's file store; it also notes the configuration of each
// snapshot that is opened, which is how an index for it is known when the entry
// that brought it has been compacted away.
type snapshotStore struct {
	*raft.FileSnapshotStore
	fsm *fsm
}

// List implements raft.SnapshotStore. It shows only the newest: Raft would fall
// back to an older one if the Machine refused it, and lose acknowledged entries.
func (s snapshotStore) List() ([]*raft.SnapshotMeta, error) {
	metas, err := s.FileSnapshotStore.List()
	return metas[:min(len(metas), 1)], err
}

// Open implements raft.SnapshotStore.
func (s snapshotStore) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	meta, rc, err := s.FileSnapshotStore.Open(id)
	if err == nil {
		s.fsm.StoreConfiguration(meta.ConfigurationIndex, meta.Configuration)
	}
	return meta, rc, err
}

// openSnapshots clears what crashes left behind, opens the store and verifies
// the newest snapshot.
//
// raft.FileSnapshotStore skips snapshots that it cannot read, and Raft falls
// back to an older one. After a compaction that means lost entries, or a panic
// on the gap between snapshot and log; so a damaged newest snapshot is refused.
// Damaged older ones are left alone: removing a snapshot is not atomic, so a
// crash may leave half of one.
func openSnapshots(dataDir string, log hclog.Logger) (*raft.FileSnapshotStore, *raft.SnapshotMeta, error) {
	dir := filepath.Join(dataDir, snapshotDir)
	newest, err := cleanSnapshots(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("clean snapshot directory: %w", err)
	}
	store, err := raft.NewFileSnapshotStoreWithLogger(dataDir, retainSnapshots, log)
	if err != nil {
		return nil, nil, fmt.Errorf("open snapshots in %s: %w", dir, err)
	}
	if newest == "" {
		return store, nil, nil
	}
	meta, rc, err := store.Open(newest) // compares the stored checksum
	if err != nil {
		return nil, nil, corrupt(filepath.Join(dir, newest), err)
	}
	defer rc.Close() //nolint:errcheck // read only
	if _, _, err := readSnapshotHeader(rc); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", filepath.Join(dir, newest), err)
	}
	return store, meta, nil
}

// cleanSnapshots removes unfinished snapshots and returns the name of the newest
// finished one, "" when there is none.
func cleanSnapshots(dir string) (newest string, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var best []uint64
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		if strings.HasSuffix(e.Name(), ".tmp") {
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return "", err
			}
			continue
		}
		// The name is term-index-milliseconds.
		if order, ok := snapshotOrder(e.Name()); ok && slices.Compare(order, best) > 0 {
			newest, best = e.Name(), order
		}
	}
	return newest, nil
}

func snapshotOrder(name string) ([]uint64, bool) {
	parts := strings.Split(name, "-")
	if len(parts) != 3 {
		return nil, false
	}
	var order []uint64
	for _, p := range parts {
		n, err := strconv.ParseUint(p, 10, 64)
		if err != nil {
			return nil, false
		}
		order = append(order, n)
	}
	return order, true
}

// checkCoverage refuses a log that does not join the newest snapshot: entries
// are missing, and Raft would panic or serve a state with a hole.
func checkCoverage(s *Store, snap *raft.SnapshotMeta) error {
	first, _ := s.FirstIndex()
	var covered uint64
	if snap != nil {
		covered = snap.Index
	}
	if first > covered+1 {
		return corrupt(s.Path(), fmt.Errorf("the log begins at index %d but the newest snapshot ends at %d", first, covered))
	}
	return nil
}
