package raftlog

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// ErrDiskStalled marks a write that did not return in time.
var ErrDiskStalled = errors.New("disk does not answer")

// watchdogSteps divides the limit: a pause of the whole process (SIGSTOP, a
// paused virtual machine) counts as one step at most, however long it lasts.
const watchdogSteps = 8

// minStall is the least time that a write may take before the node gives up.
const minStall = 2 * time.Second

// watchdog calls trip, once, when an operation on the disk is still in flight
// after limit, or when one fails.
//
// A leader whose disk hangs keeps sending heartbeats and stays leader for ever
// while nothing commits (hashicorp/raft issues 503, 612, 614). Failing the write
// instead would leave it in flight to land later, behind Raft's back. So the
// node must be cut off and the process must end.
type watchdog struct {
	limit time.Duration
	trip  func(error)
}

func stallLimit(election time.Duration) time.Duration { return max(minStall, 4*election) }

// begin starts the clock of one operation; end stops it.
func (w *watchdog) begin(op string) *flight {
	f := &flight{dog: w, op: op}
	f.mu.Lock()
	f.timer = time.AfterFunc(w.limit/watchdogSteps, f.tick)
	f.mu.Unlock()
	return f
}

type flight struct {
	dog *watchdog
	op  string

	mu    sync.Mutex
	timer *time.Timer
	ticks int
	done  bool
}

func (f *flight) tick() {
	if f.expired() {
		f.dog.trip(fmt.Errorf("%s in flight for %v: %w", f.op, f.dog.limit, ErrDiskStalled))
	}
}

func (f *flight) expired() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.done {
		return false
	}
	if f.ticks++; f.ticks < watchdogSteps {
		f.timer.Reset(f.dog.limit / watchdogSteps)
		return false
	}
	f.done = true
	return true
}

func (f *flight) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.done = true
	f.timer.Stop()
}

// LogStable is what a node keeps its log and its vote in.
type LogStable interface {
	raft.LogStore
	raft.StableStore
}

// watchedStore runs every write under the watchdog. A write that fails is a
// fault too: after a failed sync nobody knows what is on the disk, and Raft
// would go on to win elections with it.
type watchedStore struct {
	LogStable
	dog *watchdog
	// wrote, unless nil, is told the newest entry after each write.
	wrote func(index uint64)
}

// IsMonotonic implements raft.MonotonicLogStore for the store inside. A wrapper
// that hid it would break stores that cannot have gaps.
func (s *watchedStore) IsMonotonic() bool {
	m, ok := s.LogStable.(raft.MonotonicLogStore)
	return ok && m.IsMonotonic()
}

func (s *watchedStore) write(op string, f func() error) error {
	flight := s.dog.begin(op)
	err := f()
	flight.end()
	if err != nil {
		s.dog.trip(err)
	}
	return err
}

// StoreLog implements raft.LogStore.
func (s *watchedStore) StoreLog(l *raft.Log) error { return s.StoreLogs([]*raft.Log{l}) }

// StoreLogs implements raft.LogStore.
func (s *watchedStore) StoreLogs(logs []*raft.Log) error {
	err := s.write("write of log entries", func() error { return s.LogStable.StoreLogs(logs) })
	if err == nil && len(logs) > 0 && s.wrote != nil {
		s.wrote(logs[len(logs)-1].Index)
	}
	return err
}

// DeleteRange implements raft.LogStore.
func (s *watchedStore) DeleteRange(lo, hi uint64) error {
	return s.write("removal of log entries", func() error { return s.LogStable.DeleteRange(lo, hi) })
}

// Set implements raft.StableStore.
func (s *watchedStore) Set(key, value []byte) error {
	return s.write("write of the vote", func() error { return s.LogStable.Set(key, value) })
}

// SetUint64 implements raft.StableStore.
func (s *watchedStore) SetUint64(key []byte, value uint64) error {
	return s.write("write of the term", func() error { return s.LogStable.SetUint64(key, value) })
}

// GetLog implements raft.LogStore; a damaged record is a fault.
func (s *watchedStore) GetLog(index uint64, l *raft.Log) error {
	err := s.LogStable.GetLog(index, l)
	if errors.Is(err, ErrCorrupt) {
		s.dog.trip(err)
	}
	return err
}
