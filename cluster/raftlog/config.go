package raftlog

import (
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
	"go.uber.org/zap"
)

// Bounds and defaults. A new leader takes a heartbeat timeout and a round of votes
// (TestNewLeaderIsQuick); at 150 ms a busy two-core machine loses leaders for no
// reason.
const (
	// DefaultHeartbeatTimeout is how long a follower waits for its leader.
	DefaultHeartbeatTimeout = 500 * time.Millisecond
	// MinHeartbeatTimeout is the least that is accepted.
	MinHeartbeatTimeout = 200 * time.Millisecond
	// MaxEntry bounds one log entry, in bytes.
	MaxEntry = 4 << 20

	maxCalls       = 512              // calls in progress, see Node.call
	defaultTimeout = 10 * time.Second // for a ctx without a deadline
	poolSize       = 3                // idle connections kept for each peer
)

// Config says how a node runs. Zero durations and counts take the defaults.
type Config struct {
	ID      string // the node's name, as in its certificate; no '@'
	DataDir string // for raft.db and snapshots/; made with mode 0700

	// Stream carries Raft between machines. Exactly one of Stream and Transport
	// is set; Transport is for tests and simulations. The node closes either.
	Stream    *Stream
	Transport Transport

	Machine Machine

	// Store replaces raft.db, for tests. The node does not close it.
	Store LogStable

	HeartbeatTimeout time.Duration // default 500 ms; under 200 ms is refused
	// BeatInterval is how often the owner calls Beat, at least; 0 if never. When it
	// is more than half of HeartbeatTimeout, Raft sends heartbeats by itself as well.
	BeatInterval    time.Duration
	ElectionTimeout time.Duration // default HeartbeatTimeout
	LeaseTimeout    time.Duration // default 5/6 of HeartbeatTimeout: a leader without quorum steps down after it
	CommitTimeout   time.Duration // default 50 ms: how soon idle followers learn of a commit, at most twice this
	RPCTimeout      time.Duration // default 2×HeartbeatTimeout, for one exchange with a peer

	SnapshotInterval  time.Duration // default 2 min
	SnapshotThreshold uint64        // default 8192 entries since the last snapshot
	TrailingLogs      uint64        // default 10240 entries kept behind a snapshot

	// OnFault is called, once, when the node must not go on: the disk hangs, a
	// write failed, or a record is damaged. The node has cut itself off by then.
	// The callee ends the process; it must not call the node.
	OnFault func(error)

	Logger *zap.Logger // default: none
}

func (c *Config) setDefaults() {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&c.HeartbeatTimeout, DefaultHeartbeatTimeout)
	def(&c.ElectionTimeout, c.HeartbeatTimeout)
	def(&c.LeaseTimeout, c.HeartbeatTimeout*5/6)
	def(&c.CommitTimeout, 50*time.Millisecond)
	def(&c.RPCTimeout, 2*c.HeartbeatTimeout)
	def(&c.SnapshotInterval, 2*time.Minute)
	if c.SnapshotThreshold == 0 {
		c.SnapshotThreshold = 8192
	}
	if c.TrailingLogs == 0 {
		c.TrailingLogs = 10240
	}
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
}

func (c *Config) validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(validID(c.ID), "node name %q is empty or has an '@'", c.ID)
	check(c.DataDir != "", "no data directory")
	check((c.Stream == nil) != (c.Transport == nil), "exactly one of stream and transport must be set")
	check(c.Machine != nil, "no state machine")
	check(c.OnFault != nil, "no fault handler")
	check(c.HeartbeatTimeout >= MinHeartbeatTimeout,
		"heartbeat timeout %v is under %v: busy machines would lose leaders for no reason", c.HeartbeatTimeout, MinHeartbeatTimeout)
	if err := raft.ValidateConfig(c.raft()); err != nil {
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("raft configuration: %w", err)
	}
	return nil
}

func validID(id string) bool {
	for _, r := range id {
		if r == '@' {
			return false
		}
	}
	return id != ""
}

func (c *Config) raft() *raft.Config {
	rc := raft.DefaultConfig()
	rc.ProtocolVersion = 3
	rc.LocalID = raft.ServerID(c.ID)
	rc.HeartbeatTimeout = c.HeartbeatTimeout
	rc.ElectionTimeout = c.ElectionTimeout
	rc.LeaderLeaseTimeout = c.LeaseTimeout
	rc.CommitTimeout = c.CommitTimeout
	rc.SnapshotInterval = c.SnapshotInterval
	rc.SnapshotThreshold = c.SnapshotThreshold
	rc.TrailingLogs = c.TrailingLogs
	rc.BatchApplyCh = true
	rc.PreVoteDisabled = false // a member that comes back must not depose the leader
	rc.ShutdownOnRemove = true
	rc.NoLegacyTelemetry = true
	rc.LogOutput = nil
	rc.Logger = newHCLog(c.Logger)
	return rc
}
