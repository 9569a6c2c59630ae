package raftlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	"go.etcd.io/bbolt"
	bberrors "go.etcd.io/bbolt/errors"

	"github.com/belay-ha/belay/internal/durable"
)

// StoreFormat is the version of raft.db that this code writes. A file with a
// higher version is refused: it was written by a newer Belay.
const StoreFormat = 1

// StoreFile is the name of the store below the data directory.
const StoreFile = "raft.db"

// lockWait bounds the wait for the file lock that another process may hold.
const lockWait = time.Second

var (
	bucketLog    = []byte("log")
	bucketStable = []byte("stable")
	bucketMeta   = []byte("meta")
	keyFormat    = []byte("format")
	keySummary   = []byte("summary")
)

var (
	// ErrCorrupt marks a file that is torn, truncated or altered. The node must
	// not start from it: it may have acknowledged entries or votes that are gone.
	ErrCorrupt = errors.New("log is torn or corrupt")
	// ErrNewerFormat marks a file written by a newer Belay.
	ErrNewerFormat = errors.New("file was written by a newer version")
	// ErrLocked means that another process has the file open.
	ErrLocked = errors.New("file is in use by another process")

	// errStableNotFound: hashicorp/raft 1.8.0 compares this error by its text
	// (api.go and raft.go: err.Error() != "not found").
	errStableNotFound = errors.New("not found")
)

// Store is Raft's log and stable store in one bbolt file. Every write is synced
// before it returns. Every record carries a checksum, and a summary of the
// whole file is kept in the same transaction.
//
// Safe for concurrent use. It allows gaps between indexes, as Raft's default
// store contract does, and so is not a raft.MonotonicLogStore.
type Store struct {
	path string
	db   *bbolt.DB

	writing sync.Mutex // held by each writer until its summary is the present one

	mu  sync.Mutex // guards sum; taken inside write transactions and by readers
	sum summary
}

// OpenStore opens the store at path and verifies all of it, creating it when
// create is true and no file is there. It fails with an error that wraps
// ErrCorrupt, ErrNewerFormat or ErrLocked; fs.ErrNotExist when there is no file
// and create is false. It reads the whole file: some 0.1 s for 100 MB.
func OpenStore(path string, create bool) (*Store, error) {
	_, err := os.Stat(path)
	switch {
	case err == nil:
	case errors.Is(err, os.ErrNotExist) && create:
		if err := createStore(path); err != nil {
			return nil, fmt.Errorf("create raft log %s: %w", path, err)
		}
	default:
		return nil, fmt.Errorf("open raft log: %w", err)
	}
	sum, err := verifyFile(path)
	if err != nil {
		return nil, err
	}
	db, err := openBolt(path, false)
	if err != nil {
		return nil, err
	}
	return &Store{path: path, db: db, sum: sum}, nil
}

// createStore makes an empty store under another name and renames it, so that a
// crash never leaves a half-made file under the real name.
func createStore(path string) error {
	tmp := path + ".new"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	db, err := bbolt.Open(tmp, 0o600, boltOptions(false))
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{bucketLog, bucketStable, bucketMeta} {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		version := binary.BigEndian.AppendUint64(nil, StoreFormat)
		if err := tx.Bucket(bucketMeta).Put(keyFormat, sealValue(keyFormat, version)); err != nil {
			return err
		}
		return putSummary(tx, summary{})
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(path))
}

func boltOptions(readOnly bool) *bbolt.Options {
	return &bbolt.Options{
		Timeout:        lockWait,
		NoFreelistSync: true, // one page less per commit; rebuilt when opening
		FreelistType:   bbolt.FreelistMapType,
		ReadOnly:       readOnly,
		NoStatistics:   true,
	}
}

// openBolt opens a file whose pages have been checked. Should bbolt panic on a
// page nevertheless, that becomes an error, and the file and its lock are let go.
func openBolt(path string, readOnly bool) (db *bbolt.DB, err error) {
	options := boltOptions(readOnly)
	var file *os.File
	options.OpenFile = func(name string, flag int, mode os.FileMode) (*os.File, error) {
		var err error
		file, err = os.OpenFile(name, flag&^os.O_CREATE, mode)
		return file, err
	}
	defer func() {
		if p := recover(); p != nil {
			db, err = nil, corrupt(path, errors.Join(fmt.Errorf("page structure: %v", p), file.Close()))
		}
	}()
	db, err = bbolt.Open(path, 0o600, options)
	switch {
	case err == nil:
		return db, nil
	case errors.Is(err, bberrors.ErrTimeout):
		return nil, fmt.Errorf("open raft log %s: %w (is another belayd running?)", path, ErrLocked)
	case errors.Is(err, bberrors.ErrInvalid), errors.Is(err, bberrors.ErrChecksum), errors.Is(err, bberrors.ErrVersionMismatch):
		return nil, corrupt(path, err)
	default:
		return nil, fmt.Errorf("open raft log %s: %w", path, err)
	}
}

// corrupt says what is wrong with a file and what a person can do about it.
func corrupt(path string, why error) error {
	return fmt.Errorf("%s: %w: %w; if the other members have quorum, remove this member, move its data directory away and join again",
		path, ErrCorrupt, why)
}

func putSummary(tx *bbolt.Tx, s summary) error {
	return tx.Bucket(bucketMeta).Put(keySummary, sealValue(keySummary, s.encode()))
}

// update runs change on a copy of the summary and commits both or neither.
//
// Raft writes from two goroutines: its own, and the transport's, which sets the
// term when a heartbeat brings a new one. bbolt's transactions would take turns,
// but the second could begin before the first one's summary is the present one.
func (s *Store) update(what string, change func(*bbolt.Tx, *summary) error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	var next summary
	err := s.db.Update(func(tx *bbolt.Tx) error {
		s.mu.Lock()
		next = s.sum
		s.mu.Unlock()
		if err := change(tx, &next); err != nil {
			return err
		}
		return putSummary(tx, next)
	})
	if err != nil {
		return fmt.Errorf("%s in %s: %w", what, s.path, err)
	}
	s.mu.Lock()
	s.sum = next
	s.mu.Unlock()
	return nil
}

// FirstIndex implements raft.LogStore: 0 for an empty log.
func (s *Store) FirstIndex() (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sum.first, nil
}

// LastIndex implements raft.LogStore: 0 for an empty log.
func (s *Store) LastIndex() (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sum.last, nil
}

// GetLog implements raft.LogStore. A damaged record gives an error that wraps
// ErrCorrupt and names the file and index.
func (s *Store) GetLog(index uint64, l *raft.Log) error {
	return s.db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketLog).Get(indexKey(index))
		if b == nil {
			return raft.ErrLogNotFound
		}
		if err := decodeRecord(b, index, l); err != nil {
			return corrupt(s.path, fmt.Errorf("index %d: %w", index, err))
		}
		return nil
	})
}

// StoreLog implements raft.LogStore.
func (s *Store) StoreLog(l *raft.Log) error { return s.StoreLogs([]*raft.Log{l}) }

// StoreLogs implements raft.LogStore: all entries, or none of them.
func (s *Store) StoreLogs(logs []*raft.Log) error {
	if len(logs) == 0 {
		return nil
	}
	what := fmt.Sprintf("store log entries %d to %d", logs[0].Index, logs[len(logs)-1].Index)
	return s.update(what, func(tx *bbolt.Tx, sum *summary) error {
		b := tx.Bucket(bucketLog)
		b.FillPercent = 0.9 // keys only grow
		for _, l := range logs {
			if l.Index == 0 {
				return errors.New("an entry has index 0")
			}
			key := indexKey(l.Index)
			if l.Index > sum.last || b.Get(key) == nil {
				sum.count++
			}
			if err := b.Put(key, encodeRecord(l)); err != nil {
				return err
			}
			if sum.first == 0 || l.Index < sum.first {
				sum.first = l.Index
			}
			sum.last = max(sum.last, l.Index)
		}
		return nil
	})
}

// DeleteRange implements raft.LogStore: it removes lo to hi, both included.
func (s *Store) DeleteRange(lo, hi uint64) error {
	what := fmt.Sprintf("delete log entries %d to %d", lo, hi)
	return s.update(what, func(tx *bbolt.Tx, sum *summary) error {
		b := tx.Bucket(bucketLog)
		c := b.Cursor()
		var keys [][]byte // deleting while walking would skip keys
		for k, _ := c.Seek(indexKey(lo)); k != nil && binary.BigEndian.Uint64(k) <= hi; k, _ = c.Next() {
			keys = append(keys, append([]byte(nil), k...))
		}
		for _, k := range keys {
			if err := b.Delete(k); err != nil {
				return err
			}
		}
		sum.count -= uint64(len(keys))
		sum.first, sum.last = 0, 0
		c = b.Cursor()
		if k, _ := c.First(); k != nil {
			sum.first = binary.BigEndian.Uint64(k)
		}
		if k, _ := c.Last(); k != nil {
			sum.last = binary.BigEndian.Uint64(k)
		}
		return nil
	})
}

// Set implements raft.StableStore.
func (s *Store) Set(key, value []byte) error {
	return s.update(fmt.Sprintf("store %q", key), func(tx *bbolt.Tx, sum *summary) error {
		b := tx.Bucket(bucketStable)
		if b.Get(key) == nil {
			sum.stable++
		}
		return b.Put(key, sealValue(key, value))
	})
}

// Get implements raft.StableStore. The error for an absent key reads exactly
// "not found", which Raft compares by text.
func (s *Store) Get(key []byte) ([]byte, error) {
	var value []byte
	err := s.db.View(func(tx *bbolt.Tx) error {
		sealed := tx.Bucket(bucketStable).Get(key)
		if sealed == nil {
			return errStableNotFound
		}
		v, err := openValue(key, sealed)
		if err != nil {
			return corrupt(s.path, fmt.Errorf("stable key %q: %w", key, err))
		}
		value = append([]byte(nil), v...)
		return nil
	})
	return value, err
}

// SetUint64 implements raft.StableStore.
func (s *Store) SetUint64(key []byte, value uint64) error {
	return s.Set(key, binary.BigEndian.AppendUint64(nil, value))
}

// GetUint64 implements raft.StableStore.
func (s *Store) GetUint64(key []byte) (uint64, error) {
	b, err := s.Get(key)
	if err != nil {
		return 0, err
	}
	if len(b) != 8 {
		return 0, corrupt(s.path, fmt.Errorf("stable key %q has %d bytes, not 8", key, len(b)))
	}
	return binary.BigEndian.Uint64(b), nil
}

// Path returns the file's name.
func (s *Store) Path() string { return s.path }

// Close releases the file. It waits for transactions in progress.
func (s *Store) Close() error { return s.db.Close() }
