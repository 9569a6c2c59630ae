package raftlog

import (
	"cmp"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// How a lost leader is replaced in a time that is short and can be told.
//
// By itself Raft looks at random moments, one to two timeouts apart, whether its
// leader has been silent for a timeout. A follower that has not looked yet refuses
// whoever stands, and two that stand at once share the votes between them; either
// costs one to two timeouts more. So this node has Raft look when the timeout is
// over (Node.lookForLeader), and candidates take turns.
//
// Only pre-votes are delayed, repeated and refused here. They bind nobody: who may
// be elected is for Raft to say, with the votes that are on the disk.

// turn says when this node may ask for pre-votes, and who must wait for it.
type turn struct {
	self    string
	timeout time.Duration // of a heartbeat: no candidate is kept waiting longer
	// place returns which of how many possible candidates this node is.
	place func() (nth, of int)
	// stands reports whether this node still asks to be elected in a term.
	stands func(term uint64) bool

	mu sync.Mutex
	// The fields below are guarded by mu.
	asked   map[string]question // by peer: what it was asked, unless it has refused
	granted time.Time           // when this node granted a pre-vote last
	to      string              // whom
}

// question is a request for a pre-vote: what its sender's log ends with, and when.
type question struct {
	term, index uint64
	at          time.Time
}

func newTurn(n *Node) *turn {
	return &turn{self: n.cfg.ID, timeout: n.cfg.HeartbeatTimeout, place: n.place, stands: n.stands, asked: map[string]question{}}
}

// minTurns is into how many turns the timeout is divided at least.
const minTurns = 3

// errNotItsTurn ends a request for a pre-vote that has become pointless.
var errNotItsTurn = errors.New("another candidate came first")

// ask makes a request for a pre-vote when it is this node's turn, and again while
// the peer refuses, which may not miss the leader yet.
func (t *turn) ask(peer string, args *raft.RequestPreVoteRequest, request func() (granted bool, err error)) error {
	nth, of := t.place()
	step := t.timeout / time.Duration(max(of, minTurns))
	end := time.Now().Add(t.timeout)
	for pause := time.Duration(nth) * step; ; pause = step / 2 {
		time.Sleep(pause)
		t.yield(end)
		if !t.stands(args.Term) {
			return errNotItsTurn
		}
		t.note(peer, question{args.LastLogTerm, args.LastLogIndex, time.Now()})
		granted, err := request()
		if granted || err != nil {
			return err
		}
		t.note(peer, question{})
		if time.Now().After(end) {
			return nil
		}
	}
}

// yield waits as long as another candidate, to whom this node has granted a
// pre-vote, may need to ask for votes: its own vote has to be on its disk first.
func (t *turn) yield(end time.Time) {
	t.mu.Lock()
	until := t.granted.Add(t.timeout)
	t.mu.Unlock()
	if end.Before(until) {
		until = end
	}
	time.Sleep(time.Until(until))
}

func (t *turn) note(peer string, q question) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asked[peer] = q
}

// refuses reports whether this node refuses a peer its pre-vote because another
// candidate comes first: one that has just been granted it, or this node itself,
// if it asks the same of the peer, its log is no older, and it precedes by name.
func (t *turn) refuses(peer string, args *raft.RequestPreVoteRequest) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.to != peer && time.Since(t.granted) < t.timeout/2 {
		return true
	}
	own := t.asked[peer]
	if time.Since(own.at) >= t.timeout {
		return false
	}
	order := cmp.Or(cmp.Compare(args.LastLogTerm, own.term), cmp.Compare(args.LastLogIndex, own.index), cmp.Compare(t.self, peer))
	return order < 0
}

func (t *turn) answered(peer string, granted bool) {
	if granted {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.granted, t.to = time.Now(), peer
	}
}

// pass hands requests on to Raft, one after the other as Raft takes them, until
// stop is closed.
func (t *turn) pass(in <-chan raft.RPC, out chan<- raft.RPC, stop <-chan struct{}) {
	for {
		select {
		case rpc := <-in:
			if args, asks := rpc.Command.(*raft.RequestPreVoteRequest); asks {
				t.passQuestion(rpc, args, out, stop)
				continue
			}
			select {
			case out <- rpc:
			case <-stop:
			}
		case <-stop:
			return
		}
	}
}

// passQuestion is pass for a request for a pre-vote.
func (t *turn) passQuestion(rpc raft.RPC, args *raft.RequestPreVoteRequest, out chan<- raft.RPC, stop <-chan struct{}) {
	peer := string(args.ID)
	if t.refuses(peer, args) {
		rpc.Respond(&raft.RequestPreVoteResponse{RPCHeader: raft.RPCHeader{ProtocolVersion: args.ProtocolVersion}, Term: args.Term}, nil)
		return
	}
	to, answers := rpc.RespChan, make(chan raft.RPCResponse, 1)
	rpc.RespChan = answers
	select {
	case out <- rpc:
	case <-stop:
		return
	}
	select {
	case answer := <-answers:
		vote, is := answer.Response.(*raft.RequestPreVoteResponse)
		t.answered(peer, is && vote.Granted)
		to <- answer // has room
	case <-stop:
	}
}

// place returns this node's place, by name, among the voters that may stand now.
func (n *Node) place() (nth, of int) {
	leader := n.lastLeader.Load()
	voters := slices.DeleteFunc(n.voters(), func(m Member) bool {
		return leader != nil && m.ID == *leader && m.ID != n.cfg.ID
	})
	nth = slices.IndexFunc(voters, func(m Member) bool { return m.ID == n.cfg.ID })
	return max(nth, 0), len(voters)
}

func (n *Node) stands(term uint64) bool {
	return n.raft.State() == raft.Candidate && n.raft.CurrentTerm() < term
}

// lookForLeader has Raft stand for election if the leader has been silent for the
// timeout, and returns when to look again. A node that has begun to follow gives
// its leader as much time. Only observe calls it.
func (n *Node) lookForLeader(now time.Time) time.Duration {
	timeout := n.cfg.HeartbeatTimeout
	if n.raft.State() != raft.Follower {
		return 10 * timeout // the change is observed
	}
	n.noteWord()
	last := n.raft.LastContact()
	if n.followsSince.After(last) {
		last = n.followsSince
	}
	if silent := now.Sub(last); silent < timeout {
		n.setRhythm(follows)
		return timeout - silent
	}
	n.setRhythm(misses)
	return timeout
}
