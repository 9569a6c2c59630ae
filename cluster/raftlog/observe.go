package raftlog

import (
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	"go.uber.org/zap"
)

// PeerEvent says that a leader's heartbeats to a peer began to fail, still fail,
// or are answered again.
type PeerEvent struct {
	Peer        string
	Failed      bool      // false: answered again
	LastContact time.Time // last answer before the failure; zero when answered again
}

// wanted chooses what observe sees.
func wanted(o *raft.Observation) bool {
	switch o.Data.(type) {
	case raft.LeaderObservation, raft.RaftState, raft.PeerObservation,
		raft.FailedHeartbeatObservation, raft.ResumedHeartbeatObservation:
		return true
	}
	return false
}

// observe turns Raft's observations into this package's events, and looks for
// silent leaders, until Shutdown.
func (n *Node) observe() {
	n.followsSince = time.Now()
	look := time.NewTimer(n.cfg.HeartbeatTimeout)
	defer look.Stop()
	for {
		select {
		case o := <-n.events:
			n.handle(o.Data)
			if o.Data == raft.Follower {
				n.followsSince = time.Now()
				look.Reset(n.cfg.HeartbeatTimeout)
			}
		case now := <-look.C:
			look.Reset(n.lookForLeader(now))
		case <-n.stop:
			n.stopped()
			return
		}
	}
}

func (n *Node) handle(data any) {
	switch d := data.(type) {
	case raft.LeaderObservation:
		// Not as soon as the leadership is lost: with the shorter timeout Raft looks
		// at once when it heard a leader last, and a node that led has heard none.
		if d.LeaderID != "" && d.LeaderID != raft.ServerID(n.cfg.ID) {
			n.setRhythm(follows)
		}
		if d.LeaderID != "" {
			n.lastLeader.Store(new(string(d.LeaderID)))
		}
		n.watch.wake()
	case raft.RaftState:
		n.cfg.Logger.Info("raft state changed", zap.String("node", n.cfg.ID),
			zap.Stringer("state", stateFrom(d)), zap.Uint64("term", n.raft.CurrentTerm()))
		if d != raft.Leader {
			n.peers.clear() // only a leader's evidence counts
		}
		if d == raft.Shutdown {
			n.stopped()
		}
		if d == raft.Leader {
			n.setRhythm(leads)
		}
		n.watch.wake()
	case raft.PeerObservation:
		if d.Removed {
			n.trans.forget(string(d.Peer.ID))
		}
	case raft.FailedHeartbeatObservation:
		if n.raft.State() != raft.Leader {
			return // the last one of a lost leadership
		}
		n.peers.put(PeerEvent{Peer: string(d.PeerID), Failed: true, LastContact: d.LastContact})
	case raft.ResumedHeartbeatObservation:
		n.peers.put(PeerEvent{Peer: string(d.PeerID)})
	}
}

func (n *Node) stopped() {
	select {
	case <-n.done:
	default:
		close(n.done)
	}
	n.watch.wake()
}

// Watch returns a channel that gets a value after each change of state or
// leader; changes in quick succession give one value. Read Status then: a
// leadership that was lost and won again in between shows in its term. stop ends
// the subscription.
func (n *Node) Watch() (changed <-chan struct{}, stop func()) { return n.watch.add() }

// PeerEvents delivers what happened to the heartbeats of this leader's peers
// since the last receive: at most one event a peer, the newest. Wake is signalled
// when Take has something. Only a leader's events count; they are dropped when
// it steps down.
func (n *Node) PeerEvents() (wake <-chan struct{}, take func() []PeerEvent) {
	return n.peers.wake, n.peers.take
}

// Contacts returns, on a leader, how the heartbeats to each peer fare, sorted by
// name; nil on any other node. This is the quicker evidence: PeerEvents comes
// when a heartbeat has failed, which takes up to RPCTimeout.
func (n *Node) Contacts() []Contact {
	if s := n.Status(); s.State == Leader {
		return n.trans.heartbeats(s.Term)
	}
	return nil
}

// watchers are the subscribers of Watch.
type watchers struct {
	mu   sync.Mutex
	subs []chan struct{}
}

func (w *watchers) add() (<-chan struct{}, func()) {
	c := make(chan struct{}, 1)
	w.mu.Lock()
	w.subs = append(w.subs, c)
	w.mu.Unlock()
	return c, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.subs = slices.DeleteFunc(w.subs, func(s chan struct{}) bool { return s == c })
	}
}

func (w *watchers) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.subs {
		select {
		case c <- struct{}{}:
		default: // it has not looked since the last wake
		}
	}
}

// peerEvents keeps the newest event of each peer until it is taken: bounded by
// the number of peers, and an "answered again" is never lost to a full buffer.
type peerEvents struct {
	wake chan struct{}

	mu      sync.Mutex
	pending []PeerEvent
}

func newPeerEvents() *peerEvents { return &peerEvents{wake: make(chan struct{}, 1)} }

func (p *peerEvents) put(e PeerEvent) {
	p.mu.Lock()
	if i := slices.IndexFunc(p.pending, func(o PeerEvent) bool { return o.Peer == e.Peer }); i >= 0 {
		p.pending[i] = e
	} else {
		p.pending = append(p.pending, e)
	}
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *peerEvents) take() []PeerEvent {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.pending
	p.pending = nil
	return out
}

func (p *peerEvents) clear() { p.take() }
