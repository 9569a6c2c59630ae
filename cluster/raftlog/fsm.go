package raftlog

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync"

	"github.com/hashicorp/raft"
)

// Machine is the replicated state machine, implemented by the caller. Raft
// calls Apply, Snapshot and Restore from one goroutine, one at a time; the
// io.WriterTo of a snapshot runs beside later calls of Apply.
type Machine interface {
	// Apply applies a committed entry. It must be deterministic and must not
	// block; its result is handed to the caller of Propose on the node that
	// proposed the entry. data must not be changed.
	Apply(index, term uint64, data []byte) any
	// Snapshot returns quickly, capturing the state as it is now. WriteTo is
	// called at most once, later.
	Snapshot() (io.WriterTo, error)
	// Restore replaces the whole state by a snapshot. After an error the old
	// state must still be in place, or the process must end.
	Restore(r io.Reader) error
}

// SnapshotFormat is the version of the frame around a snapshot. A snapshot with
// a higher version is refused.
const SnapshotFormat = 1

// A snapshot starts with: magic 8, format 4, index 8, term 8, crc32c 4 over the
// 28 bytes before it. Index and term are those of the last applied entry that
// reached the Machine, which Raft's own metadata does not tell.
const (
	snapshotMagic  = "BELAYSNP"
	snapshotHeader = 8 + 4 + 8 + 8 + 4
)

// fsm adapts a Machine to raft.FSM and records how far it has come.
type fsm struct {
	machine Machine

	mu      sync.Mutex
	index   uint64        // last entry the machine has applied
	term    uint64        // its term
	members Configuration // newest committed configuration seen
	moved   chan struct{} // closed when index grows; nil when nobody waits
	refused error         // why the last Restore failed; Raft only logs it
}

func newFSM(m Machine) *fsm { return &fsm{machine: m} }

// Apply implements raft.FSM.
func (f *fsm) Apply(l *raft.Log) any {
	result := f.machine.Apply(l.Index, l.Term, l.Data)
	f.advance(l.Index, l.Term)
	return result
}

// StoreConfiguration implements raft.ConfigurationStore: Raft's own accessor
// does not tell the index of the configuration, which safe changes need.
func (f *fsm) StoreConfiguration(index uint64, c raft.Configuration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if index >= f.members.Index {
		f.members = configurationFrom(index, c)
	}
}

// Snapshot implements raft.FSM.
func (f *fsm) Snapshot() (raft.FSMSnapshot, error) {
	w, err := f.machine.Snapshot()
	if err != nil {
		return nil, fmt.Errorf("snapshot state: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return &snapshot{body: w, index: f.index, term: f.term}, nil
}

// Restore implements raft.FSM.
func (f *fsm) Restore(rc io.ReadCloser) error {
	defer rc.Close() //nolint:errcheck // read only
	index, term, err := readSnapshotHeader(rc)
	if err == nil {
		err = f.machine.Restore(rc)
	}
	if err != nil {
		err = fmt.Errorf("restore snapshot: %w", err)
		f.mu.Lock()
		f.refused = err
		f.mu.Unlock()
		return err
	}
	f.advance(index, term)
	return nil
}

func (f *fsm) restoreError() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.refused
}

func (f *fsm) advance(index, term uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.index, f.term = index, term
	if f.moved != nil {
		close(f.moved)
		f.moved = nil
	}
}

func (f *fsm) applied() (index, term uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.index, f.term
}

func (f *fsm) configuration() Configuration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.members.clone()
}

// wait returns when the machine has applied index, or ctx ends.
func (f *fsm) wait(ctx context.Context, index uint64) error {
	for {
		f.mu.Lock()
		if f.index >= index {
			f.mu.Unlock()
			return nil
		}
		if f.moved == nil {
			f.moved = make(chan struct{})
		}
		moved := f.moved
		f.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("wait until index %d is applied: %w", index, ctx.Err())
		}
	}
}

type snapshot struct {
	body        io.WriterTo
	index, term uint64
}

// Persist implements raft.FSMSnapshot.
func (s *snapshot) Persist(sink raft.SnapshotSink) error {
	_, err := sink.Write(snapshotHead(s.index, s.term))
	if err == nil {
		_, err = s.body.WriteTo(sink)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write snapshot %s: %w", sink.ID(), err), sink.Cancel())
	}
	if err := sink.Close(); err != nil {
		return fmt.Errorf("write snapshot %s: %w", sink.ID(), err)
	}
	return nil
}

// Release implements raft.FSMSnapshot.
func (s *snapshot) Release() {}

func snapshotHead(index, term uint64) []byte {
	b := make([]byte, 0, snapshotHeader)
	b = append(b, snapshotMagic...)
	b = binary.BigEndian.AppendUint32(b, SnapshotFormat)
	b = binary.BigEndian.AppendUint64(b, index)
	b = binary.BigEndian.AppendUint64(b, term)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func readSnapshotHeader(r io.Reader) (index, term uint64, err error) {
	b := make([]byte, snapshotHeader)
	if _, err := io.ReadFull(r, b); err != nil {
		return 0, 0, fmt.Errorf("%w: header: %w", ErrCorrupt, err)
	}
	if string(b[:8]) != snapshotMagic || binary.BigEndian.Uint32(b[28:]) != crc32.Checksum(b[:28], castagnoli) {
		return 0, 0, fmt.Errorf("%w: header is not that of a snapshot", ErrCorrupt)
	}
	if have := binary.BigEndian.Uint32(b[8:]); have > SnapshotFormat {
		return 0, 0, fmt.Errorf("%w: snapshot format %d, this belayd knows %d", ErrNewerFormat, have, SnapshotFormat)
	}
	return binary.BigEndian.Uint64(b[12:]), binary.BigEndian.Uint64(b[20:]), nil
}
