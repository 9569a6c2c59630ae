package node

import (
	"sync"
	"time"

	"github.com/belay-ha/belay/cluster/member"
	"github.com/belay-ha/belay/cluster/membership"
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

// lastWord returns when this member last heard its leader.
func (n *Node) lastWord() time.Time { return n.lease.heard(n.raft.LastWord()) }

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
