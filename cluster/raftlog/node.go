package raftlog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"go.uber.org/zap"
)

// State is what a node is in its cluster.
type State uint8

// The states. The zero value is not a state.
const (
	Unknown State = iota
	Follower
	Candidate
	Leader
	Shutdown
)

// String implements fmt.Stringer.
func (s State) String() string {
	names := [...]string{"unknown", "follower", "candidate", "leader", "shutdown"}
	if int(s) < len(names) {
		return names[s]
	}
	return names[Unknown]
}

// Status is one consistent look at a node.
type Status struct {
	State      State
	Term       uint64
	LeaderID   string // "" when no leader is known
	LeaderAddr string
	// LastContact is when a follower last heard its leader; zero if never.
	LastContact  time.Time
	LastIndex    uint64 // newest entry in the log, committed or not
	CommitIndex  uint64
	AppliedIndex uint64 // newest entry that the Machine has applied
}

// Node is one member of the Raft group. All methods are safe for concurrent
// use; those that take a ctx return when it ends, and wait 10 s at most when it
// has no deadline.
type Node struct {
	cfg   Config
	fsm   *fsm
	calls chan struct{} // one element for each call in progress

	// Set by Start, then constant.
	raft     *raft.Raft
	logs     *watchedStore
	store    *Store // nil when Config.Store is used
	trans    *transport
	observer *raft.Observer
	events   chan raft.Observation

	state   atomic.Int32 // lifecycle
	faulted sync.Once
	covered atomic.Uint64 // see waitCommands
	done    chan struct{} // closed when Raft has stopped
	stop    chan struct{} // closed by Shutdown
	wg      sync.WaitGroup

	peers *peerEvents
	watch watchers

	beat         beat
	word         word
	followsSince time.Time              // only for observe
	lastLeader   atomic.Pointer[string] // that is or was known
}

const (
	notStarted int32 = iota
	starting
	failed
	started
	stopped
)

// New checks cfg and returns a node that Start starts.
func New(cfg Config) (*Node, error) {
	cfg.setDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	return &Node{
		cfg: cfg, fsm: newFSM(cfg.Machine), calls: make(chan struct{}, maxCalls),
		events: make(chan raft.Observation, 1024),
		done:   make(chan struct{}), stop: make(chan struct{}),
		peers: newPeerEvents(),
	}, nil
}

// Start opens and verifies the files, restores the newest snapshot into the
// Machine and starts Raft. On its first start the node has no log and waits to be bootstrapped or
// added. It fails with an error that wraps ErrNoRoom when the disk is full, and
// ErrCorrupt, ErrNewerFormat or ErrLocked when the files cannot be trusted or used; the node is useless then.
func (n *Node) Start() error {
	if !n.state.CompareAndSwap(notStarted, starting) {
		return errors.New("start raft node: it was started before")
	}
	if err := n.start(); err != nil {
		n.state.Store(failed)
		if n.store != nil {
			err = errors.Join(err, n.store.Close())
		}
		return fmt.Errorf("start raft node %s: %w", n.cfg.ID, err)
	}
	n.state.Store(started)
	n.watch.wake() // whoever subscribed before looks once
	return nil
}

func (n *Node) start() error {
	rc := n.cfg.raft()
	disk, err := openDisk(n.cfg.DataDir, n.cfg.Store, rc)
	if err != nil {
		return err
	}
	n.store = disk.store
	n.logs = &watchedStore{LogStable: disk.logs, dog: &watchdog{limit: stallLimit(n.cfg.ElectionTimeout), trip: n.fault}}
	snaps := snapshotStore{disk.snaps, n.fsm}

	n.trans = newTransport(n, n.cfg.Transport, false)
	if n.cfg.Stream != nil {
		n.trans = newTransport(n, raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
			Stream: n.cfg.Stream, MaxPool: poolSize, MaxRPCsInFlight: 1, Timeout: n.cfg.RPCTimeout,
			MsgpackUseNewTimeFormat: true, Logger: rc.Logger.Named("net"),
		}), true)
	}
	n.logs.wrote = n.trans.quiet.wrote
	n.raft, err = raft.NewRaft(rc, n.fsm, n.logs, n.logs, snaps, n.trans)
	if err != nil {
		return errors.Join(err, n.fsm.restoreError(), n.trans.Close())
	}
	n.observer = raft.NewObserver(n.events, false, wanted)
	n.raft.RegisterObserver(n.observer)
	n.wg.Go(n.observe)
	n.wg.Go(func() { n.trans.turn.pass(n.trans.Transport.Consumer(), n.trans.requests, n.stop) })
	return nil
}

// disk is what a node finds on its disk.
type disk struct {
	logs  LogStable
	store *Store // nil when logs were given
	snaps *raft.FileSnapshotStore
	last  *raft.SnapshotMeta // newest snapshot, or nil
}

// openDisk opens and cross-checks the files of a data directory, and makes them on
// a member's first start.
func openDisk(dir string, given LogStable, rc *raft.Config) (d disk, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return disk{}, fmt.Errorf("make data directory: %w", err)
	}
	if err := checkRoom(dir, freeBytes); err != nil {
		return disk{}, err
	}
	d.snaps, d.last, err = openSnapshots(dir, rc.Logger.Named("snapshot"))
	if err != nil {
		return disk{}, err
	}
	if given != nil {
		d.logs = given
		return d, nil
	}
	path := filepath.Join(dir, StoreFile)
	made, err := logWasMade(dir)
	if err != nil {
		return disk{}, err
	}
	// Without its log a member has forgotten its votes and what it acknowledged: a
	// snapshot alone is not enough to go on from, and nothing at all even less.
	d.store, err = OpenStore(path, d.last == nil && !made)
	switch {
	case errors.Is(err, os.ErrNotExist) && d.last != nil:
		return disk{}, corrupt(path, errors.New("there are snapshots but no log"))
	case errors.Is(err, os.ErrNotExist):
		return disk{}, corrupt(path, fmt.Errorf("%s says that this member had a log, and it is gone", MadeFile(dir)))
	case err != nil:
		return disk{}, err
	}
	if !made {
		if err := noteLogMade(dir); err != nil {
			return disk{}, errors.Join(err, d.store.Close())
		}
	}
	if err := checkCoverage(d.store, d.last); err != nil {
		return disk{}, errors.Join(err, d.store.Close())
	}
	d.logs = d.store
	return d, nil
}

// fault cuts the node off and tells the owner, once.
func (n *Node) fault(err error) {
	n.faulted.Do(func() {
		n.trans.sever()
		if n.cfg.Stream != nil {
			n.cfg.Stream.Sever()
		}
		n.cfg.Logger.Error("raft node cannot go on and has cut itself off", zap.String("node", n.cfg.ID), zap.Error(err))
		n.cfg.OnFault(err)
	})
}

func (n *Node) running() bool {
	select {
	case <-n.done: // removed from the group
		return false
	default:
		return n.state.Load() == started
	}
}

// drain takes every place of call, so that none is in progress any more. Raft
// never answers what it holds in a queue when it stops. A leader without quorum
// answers when its lease ends; with a hung disk nobody does.
func (n *Node) drain(ctx context.Context) {
	limit := time.NewTimer(n.cfg.LeaseTimeout + time.Second)
	defer limit.Stop()
	for range maxCalls {
		select {
		case n.calls <- struct{}{}:
		case <-n.done:
			return
		case <-limit.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// Done is closed when Raft has stopped: after Shutdown, or because this node
// was removed from the group.
func (n *Node) Done() <-chan struct{} { return n.done }

// Shutdown refuses new calls, lets those in progress end, stops Raft, then its
// network, then closes the files: no entry is acknowledged that is not on the
// disk. It gives up when ctx ends, which happens
// when the disk hangs; the process should end then. Idempotent.
func (n *Node) Shutdown(ctx context.Context) error {
	if !n.state.CompareAndSwap(started, stopped) {
		return nil
	}
	ended := make(chan error, 1)
	go func() {
		n.drain(ctx)
		n.trans.quiet.pass() // for good
		err := n.raft.Shutdown().Error()
		n.raft.DeregisterObserver(n.observer)
		close(n.stop)
		n.wg.Wait()
		err = errors.Join(err, n.trans.Close()) // Raft does not when it stopped by itself
		if n.store != nil {
			err = errors.Join(err, n.store.Close())
		}
		ended <- err
	}()
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("shut down raft node %s: %w", n.cfg.ID, err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("shut down raft node %s: the disk or a peer holds it up: %w", n.cfg.ID, ctx.Err())
	}
}

// Status returns a look at the node in which state, term and leader belong
// together.
func (n *Node) Status() Status {
	if n.state.Load() < started {
		return Status{}
	}
	for {
		term, state := n.raft.CurrentTerm(), n.raft.State()
		addr, id := n.raft.LeaderWithID()
		if term != n.raft.CurrentTerm() || state != n.raft.State() {
			continue
		}
		applied, _ := n.fsm.applied()
		return Status{
			State: stateFrom(state), Term: term, LeaderID: string(id), LeaderAddr: string(addr),
			LastContact: n.raft.LastContact(), LastIndex: n.raft.LastIndex(),
			CommitIndex: n.raft.CommitIndex(), AppliedIndex: applied,
		}
	}
}

func stateFrom(s raft.RaftState) State {
	switch s {
	case raft.Follower:
		return Follower
	case raft.Candidate:
		return Candidate
	case raft.Leader:
		return Leader
	case raft.Shutdown:
		return Shutdown
	}
	return Unknown
}

// AppliedIndex is the newest entry that the Machine has applied.
func (n *Node) AppliedIndex() uint64 {
	index, _ := n.fsm.applied()
	return index
}

// WaitApplied returns when the Machine has applied the entry of that index; only
// indexes that Propose returned are sure to come.
func (n *Node) WaitApplied(ctx context.Context, index uint64) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	return n.fsm.wait(ctx, index)
}

// bounded gives ctx the default deadline if it has none.
func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, defaultTimeout)
}
