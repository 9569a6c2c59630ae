package sim

import (
	"math/bits"
	"time"

	"github.com/belay-ha/belay/cluster/state"
)

// members is a set of hosts by their index.
type members uint16

func (m members) has(h int) bool          { return m&(1<<h) != 0 }
func (m members) with(h int) members      { return m | 1<<h }
func (m members) without(h int) members   { return m &^ (1 << h) }
func (m members) count() int              { return bits.OnesCount16(uint16(m)) }
func (m members) majority() int           { return m.count()/2 + 1 }
func (m members) agree(with members) bool { return (m & with).count() >= m.majority() }

// configuration is who takes part in the log: voters, and others who follow it.
type configuration struct {
	voters, learners members
}

func (c configuration) all() members { return c.voters | c.learners }

// entry is one record of the log. It is never changed once it is made.
type entry struct {
	index, term uint64
	// data is a command as cluster/state encodes it, nil for Raft's own entries.
	data []byte
	// command is what data was decoded to: once, as each member would.
	command  state.Command
	envelope state.Envelope
	// plan is the index of the state that it was planned from; 0 if no plan holds it.
	plan uint64
	// config is set in an entry that changes who takes part.
	config *configuration
}

// disk is what a host keeps: it outlives the daemon, and the synced part of it
// the host's power.
type disk struct {
	term     uint64
	votedFor int // index of a host, or -1
	snapshot *snapshot
	// log holds the entries after the snapshot's trailing ones; log[0] has index
	// first. Entries after synced may be lost with the power.
	first  uint64
	log    []*entry
	synced uint64
	// Faults. A write takes latency, or hangs while hung; full makes each write
	// fail; torn makes the daemon refuse to start.
	latency    time.Duration
	hung, full bool
	torn       bool
}

// snapshot is the state as its stream, and where in the log it was taken.
type snapshot struct {
	index, term uint64
	config      configuration
	data        []byte
}

func newDisk() *disk { return &disk{votedFor: -1, first: 1, latency: quietWrite} }

// quietWrite is how long a write and its sync take on a healthy disk.
const quietWrite = time.Millisecond

func (k *disk) last() uint64 { return k.first + uint64(len(k.log)) - 1 }

func (k *disk) lastTerm() uint64 { return k.termAt(k.last()) }

// termAt returns the term of the entry at an index, 0 when it is not known.
func (k *disk) termAt(index uint64) uint64 {
	if e := k.at(index); e != nil {
		return e.term
	}
	if k.snapshot != nil && k.snapshot.index == index {
		return k.snapshot.term
	}
	return 0
}

func (k *disk) at(index uint64) *entry {
	if index < k.first || index > k.last() {
		return nil
	}
	return k.log[index-k.first]
}

// put writes entries, in place of what follows their predecessor.
func (k *disk) put(entries []*entry) {
	keep := entries[0].index - k.first
	k.log = append(k.log[:keep:keep], entries...)
	k.synced = min(k.synced, entries[0].index-1)
}

// config returns the newest configuration in the log or the snapshot, and the
// index that it is from.
func (k *disk) config() (configuration, uint64) {
	for i := len(k.log) - 1; i >= 0; i-- {
		if k.log[i].config != nil {
			return *k.log[i].config, k.log[i].index
		}
	}
	if k.snapshot != nil {
		return k.snapshot.config, k.snapshot.index
	}
	return configuration{}, 0
}

// trailing is how many entries stay behind a snapshot for followers that lag.
const trailing = 12

// compact keeps a snapshot and drops the entries that it covers.
func (k *disk) compact(s *snapshot) {
	k.snapshot = s
	if drop := int(s.index) - trailing - int(k.first) + 1; drop > 0 {
		k.log = append([]*entry(nil), k.log[drop:]...)
		k.first += uint64(drop)
	}
}

// install puts a leader's snapshot in place of everything.
func (k *disk) install(s *snapshot) {
	k.snapshot, k.log = s, nil
	k.first, k.synced = s.index+1, s.index
}

// powerLost drops what was not synced: of a sequence of writes a first part may
// have reached the disk all the same.
func (k *disk) powerLost(c chance) {
	unsynced := int(k.last() - min(k.synced, k.last()))
	if unsynced > 0 {
		k.log = k.log[:len(k.log)-c.IntN(unsynced+1)]
	}
	k.synced = k.last()
}
