package node

import (
	"context"
	"sync"
	"time"

	"github.com/belay-ha/belay/cluster/member"
	"github.com/belay-ha/belay/cluster/membership"
	"github.com/belay-ha/belay/cluster/raftlog"
	"github.com/belay-ha/belay/cluster/state"
)

// lease remembers when this member last heard its leader.
type lease struct {
	mu sync.Mutex
	at time.Time // guarded by mu; monotonic
}

// heard notes a word from the leader and returns the last one.
func (l *lease) heard(at time.Time) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at.After(l.at) {
		l.at = at
	}
	return l.at
}

// observe tells this member's core what it cannot know from the log.
func (n *Node) observe(in *member.Input) {
	in.Left, in.Heard, in.InTouch = n.left.Load(), n.lastWord(), n.heardInGossip(in.State)
}

// lastWord returns when this member last heard its leader. A leader hears itself:
// Raft makes it step down when a majority is silent.
func (n *Node) lastWord() time.Time {
	status := n.raft.Status()
	switch {
	case status.State == raftlog.Leader:
		return n.lease.heard(time.Now())
	case status.State == raftlog.Follower && status.LeaderID != "":
		return n.lease.heard(status.LastContact)
	}
	return n.lease.heard(time.Time{})
}

// lastWordEvery is how often the last word is noted. It must be noted while there
// is a leader: once it is lost, nobody can tell any more when it was heard, and a
// member that looked at its lease seconds before would take it for run out.
const lastWordEvery = 200 * time.Millisecond

// noteLastWord keeps the lease up to date between the steps of the core, which
// may be seconds apart.
func (n *Node) noteLastWord(ctx context.Context) error {
	ticker := time.NewTicker(lastWordEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			n.lastWord()
		case <-ctx.Done():
			return nil
		}
	}
}

// heardInGossip reports whether this member is in touch with another one, if
// there is any.
func (n *Node) heardInGossip(s *state.State) bool {
	others := 0
	for _, name := range s.NodeNames() {
		if name == n.config.Name || !s.Nodes[name].Online() {
			continue
		}
		others++
		if seen, known := n.gossip.Observe(string(name)); known && seen.Verdict == membership.Alive {
			return true
		}
	}
	return others == 0
}
