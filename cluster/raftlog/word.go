package raftlog

import (
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// word is when this node last heard its leader, as far as it was noted.
type word struct {
	mu sync.Mutex
	at time.Time // guarded by mu
}

// note notes a word and returns the newest.
func (w *word) note(at time.Time) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if at.After(w.at) {
		w.at = at
	}
	return w.at
}

// LastWord returns when this node last heard a leader; zero if it never did. It is
// never later than that, and earlier by the heartbeat timeout at most. A leader
// hears itself while a majority answers: what counts is when they were asked.
func (n *Node) LastWord() time.Time {
	if n.state.Load() < started {
		return time.Time{}
	}
	if n.raft.State() == raft.Leader && len(n.voters()) == 1 {
		return n.word.note(time.Now())
	}
	n.word.note(n.trans.led())
	return n.noteWord()
}

// noteWord notes what the leader that is followed has said last. It must be called
// while there is one: Raft counts a vote that it gives as a contact, too.
func (n *Node) noteWord() time.Time {
	last := n.raft.LastContact()
	if _, id := n.raft.LeaderWithID(); id == "" || id == raft.ServerID(n.cfg.ID) {
		last = time.Time{}
	}
	return n.word.note(last)
}

func (n *Node) voters() []Member { return n.Configuration().Voters() }

// led returns when the requests were sent that show, by their answers, that a
// majority last held this node for the leader.
func (t *transport) led() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ledLocked()
}

func (t *transport) ledLocked() time.Time {
	voters := t.voters()
	sent := make([]time.Time, 0, len(voters))
	for _, v := range voters {
		if h := t.contacts[v.ID]; h != nil && v.ID != t.self {
			sent = append(sent, h.sent)
		}
	}
	others := len(voters) / 2 // with this node they are a majority
	if others == 0 || len(sent) < others {
		return t.ledBefore
	}
	slices.SortFunc(sent, func(a, b time.Time) int { return b.Compare(a) })
	if last := sent[others-1]; last.After(t.ledBefore) {
		return last
	}
	return t.ledBefore
}
