package node

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/belay-ha/belay/cluster/state"
)

// machine is the replicated state behind Raft. Raft's goroutine is its only
// writer; anyone may read the present state.
type machine struct {
	current atomic.Pointer[state.State]
	// notify is called with each new state, from Raft's goroutine; it does not
	// block.
	notify func(*state.State)

	mu      sync.Mutex
	changed chan struct{} // guarded by mu; closed and replaced at each change
}

func newMachine(notify func(*state.State)) *machine {
	m := &machine{notify: notify, changed: make(chan struct{})}
	m.current.Store(state.New())
	return m
}

// Apply applies a committed entry and returns its state.Result.
func (m *machine) Apply(index, term uint64, data []byte) any {
	next, result := state.Apply(m.current.Load(), index, term, data)
	m.publish(next)
	return result
}

// Snapshot is a pointer: the state behind it never changes.
func (m *machine) Snapshot() (io.WriterTo, error) { return snapshot{m.current.Load()}, nil }

// Restore replaces the state if the snapshot is whole.
func (m *machine) Restore(r io.Reader) error {
	restored, err := state.ReadSnapshot(r)
	if err != nil {
		return fmt.Errorf("restore the cluster's state: %w", err)
	}
	m.publish(restored)
	return nil
}

func (m *machine) publish(s *state.State) {
	m.current.Store(s)
	m.mu.Lock()
	close(m.changed)
	m.changed = make(chan struct{})
	m.mu.Unlock()
	m.notify(s)
}

// watch returns the present state and a channel that closes when there is a
// newer one.
func (m *machine) watch() (*state.State, <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.current.Load(), m.changed
}

type snapshot struct{ s *state.State }

// WriteTo writes the state; Raft calls it beside later Applies.
func (s snapshot) WriteTo(w io.Writer) (int64, error) {
	var buffer bytes.Buffer
	if err := s.s.WriteSnapshot(&buffer); err != nil {
		return 0, err
	}
	return buffer.WriteTo(w)
}
