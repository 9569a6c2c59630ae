package raftlog

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/hashicorp/raft"
)

// Two writers at once, as Raft has: without a common lock one of them based its
// summary on the one before the other's, and a sound log was refused as torn at
// the next start.
func TestConcurrentWritersKeepTheSummary(t *testing.T) {
	path := filepath.Join(t.TempDir(), StoreFile)
	store, err := OpenStore(path, true)
	if err != nil {
		t.Fatal(err)
	}
	const rounds = 200
	var writers sync.WaitGroup
	writers.Go(func() {
		for i := range uint64(rounds) {
			if err := store.StoreLog(&raft.Log{Index: i + 1, Term: 1, Data: []byte("x")}); err != nil {
				t.Error(err)
			}
		}
	})
	writers.Go(func() {
		for i := range uint64(rounds) {
			if err := store.SetUint64([]byte("CurrentTerm"), i); err != nil {
				t.Error(err)
			}
		}
	})
	writers.Wait()
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	reopened, err := OpenStore(path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer reopened.Close()
	if last, err := reopened.LastIndex(); err != nil || last != rounds {
		t.Errorf("last index is %d (%v), want %d", last, err, rounds)
	}
}
