package raftlog

import (
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// Transport is what a node needs of a Raft transport; raft.NetworkTransport and
// raft.InmemTransport both have it.
type Transport interface {
	raft.Transport
	raft.WithPreVote
	raft.WithClose
}

// Contact says how a leader's heartbeats to one peer fare.
type Contact struct {
	Peer string
	// LastContact is when the last heartbeat was answered; zero if none was in
	// this term.
	LastContact time.Time
	// SilentFor is how long the oldest unanswered heartbeat has been waiting or
	// failing; 0 while all are answered. A process that was paused itself sees
	// large values for a moment after it wakes: look twice, at least 50 ms
	// apart, before acting on it.
	SilentFor time.Duration
}

// transport wraps the real one to time heartbeats, to note which peers have
// confirmed this leader since when, to cut the node off, and to name the peer in
// each address so that the dialer can verify it.
//
// Raft reports a failed heartbeat only when its RPC times out, which is too late
// to be evidence against a peer within a second.
type transport struct {
	Transport
	qualified bool // peers are dialled by Stream
	quiet     *quiet
	self      string
	voters    func() []Member
	turn      *turn
	requests  chan raft.RPC // that Raft takes

	mu        sync.Mutex
	severed   bool
	term      uint64
	contacts  map[string]*heartbeat
	ledBefore time.Time // see led: in earlier terms
}

type heartbeat struct {
	last   time.Time
	silent time.Time // start of the oldest unanswered heartbeat
	sent   time.Time // when the newest request that the peer has answered was sent
}

func newTransport(n *Node, t Transport, qualified bool) *transport {
	return &transport{
		Transport: t, qualified: qualified, quiet: newQuiet(), self: n.cfg.ID, voters: n.voters, turn: newTurn(n),
		requests: make(chan raft.RPC), contacts: map[string]*heartbeat{},
	}
}

// sever refuses every outgoing RPC from now on.
func (t *transport) sever() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.severed = true
}

func (t *transport) target(id raft.ServerID, a raft.ServerAddress) (raft.ServerAddress, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.severed {
		return "", ErrSevered
	}
	if t.qualified {
		return qualify(id, a), nil
	}
	return a, nil
}

// begin and end bracket one AppendEntries of a term. Only heartbeats tell that a
// peer is silent: other requests wait for its disk.
func (t *transport) begin(peer string, term uint64, isHeartbeat bool) (sent time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if term < t.term {
		return now
	}
	if term > t.term {
		t.ledBefore = t.ledLocked()
		t.term = term
		clear(t.contacts)
	}
	h := t.contacts[peer]
	if h == nil {
		h = &heartbeat{}
		t.contacts[peer] = h
	}
	if isHeartbeat && h.silent.IsZero() {
		h.silent = now
	}
	return now
}

func (t *transport) end(peer string, term uint64, isHeartbeat bool, sent time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.contacts[peer]
	if h == nil || term != t.term {
		return
	}
	if isHeartbeat {
		h.last, h.silent = time.Now(), time.Time{}
	}
	if sent.After(h.sent) {
		h.sent = sent
	}
}

// confirmed reports whether enough of the voters, this node among them, have
// answered a request of the term that was sent after since.
func (t *transport) confirmed(self string, voters []Member, term uint64, since time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if term != t.term && len(voters) > 1 {
		return false
	}
	n := 0
	for _, v := range voters {
		if h := t.contacts[v.ID]; v.ID == self || h != nil && h.sent.After(since) {
			n++
		}
	}
	return n > len(voters)/2
}

// heartbeats returns the contacts of a term, sorted by peer.
func (t *transport) heartbeats(term uint64) []Contact {
	t.mu.Lock()
	defer t.mu.Unlock()
	if term != t.term {
		return nil
	}
	now := time.Now()
	out := make([]Contact, 0, len(t.contacts))
	for peer, h := range t.contacts {
		c := Contact{Peer: peer, LastContact: h.last}
		if !h.silent.IsZero() {
			c.SilentFor = now.Sub(h.silent)
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Contact) int { return strings.Compare(a.Peer, b.Peer) })
	return out
}

// forget drops peers that are no longer members.
func (t *transport) forget(peer string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.contacts, peer)
}

// Consumer implements raft.Transport: see turn.pass.
func (t *transport) Consumer() <-chan raft.RPC { return t.requests }

// AppendEntries implements raft.Transport.
func (t *transport) AppendEntries(id raft.ServerID, a raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	// Raft's network transport knows a heartbeat by the same signs.
	isHeartbeat := len(args.Entries) == 0 && args.PrevLogEntry == 0 && args.LeaderCommitIndex == 0
	if !isHeartbeat {
		t.quiet.hold(string(id), args)
	}
	target, err := t.target(id, a) // after the hold: the node may be severed by now
	if err != nil {
		return err
	}
	sent := t.begin(string(id), args.Term, isHeartbeat)
	err = t.Transport.AppendEntries(id, target, args, resp)
	if err == nil && resp.Term <= args.Term { // else it follows another leader
		t.end(string(id), args.Term, isHeartbeat, sent)
	}
	switch {
	case err != nil || !resp.Success || resp.Term > args.Term:
		t.quiet.doubt(string(id))
	case !isHeartbeat:
		t.quiet.confirmed(string(id), args)
	}
	return err
}

// AppendEntriesPipeline implements raft.Transport: pipelining is off, since
// replication through it may never resume after a stall (raft issue 612).
func (t *transport) AppendEntriesPipeline(raft.ServerID, raft.ServerAddress) (raft.AppendPipeline, error) {
	return nil, raft.ErrPipelineReplicationNotSupported
}

// RequestVote implements raft.Transport.
func (t *transport) RequestVote(id raft.ServerID, a raft.ServerAddress, args *raft.RequestVoteRequest, resp *raft.RequestVoteResponse) error {
	target, err := t.target(id, a)
	if err != nil {
		return err
	}
	return t.Transport.RequestVote(id, target, args, resp)
}

// RequestPreVote implements raft.WithPreVote.
func (t *transport) RequestPreVote(id raft.ServerID, a raft.ServerAddress, args *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse) error {
	return t.turn.ask(string(id), args, func() (granted bool, err error) {
		target, err := t.target(id, a)
		if err != nil {
			return false, err
		}
		err = t.Transport.RequestPreVote(id, target, args, resp)
		return resp.Granted, err
	})
}

// InstallSnapshot implements raft.Transport.
func (t *transport) InstallSnapshot(id raft.ServerID, a raft.ServerAddress, args *raft.InstallSnapshotRequest, resp *raft.InstallSnapshotResponse, data io.Reader) error {
	target, err := t.target(id, a)
	if err != nil {
		return err
	}
	return t.Transport.InstallSnapshot(id, target, args, resp, data)
}

// TimeoutNow implements raft.Transport.
func (t *transport) TimeoutNow(id raft.ServerID, a raft.ServerAddress, args *raft.TimeoutNowRequest, resp *raft.TimeoutNowResponse) error {
	target, err := t.target(id, a)
	if err != nil {
		return err
	}
	return t.Transport.TimeoutNow(id, target, args, resp)
}
