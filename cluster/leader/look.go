package leader

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/belay-ha/belay/cluster/state"
)

// LookTimeout bounds the last look before a verdict.
const LookTimeout = 450 * time.Millisecond

const (
	// freshLook is how long a look may be relied upon.
	freshLook = 700 * time.Millisecond
	// lookAhead is the silence of a suspect after which the look begins, so that
	// it has ended when the detector calls the member dead.
	lookAhead = 1050 * time.Millisecond
	// freshHeartbeat is how recent an answer must be to prove a member alive now:
	// less than the silence after which it is looked at.
	freshHeartbeat = 500 * time.Millisecond
)

// look is one look at a member, under way or over.
type look struct {
	id        uint64
	at        time.Time // it began
	done      bool
	reachable bool // somebody reaches it
	hostAlive bool // its host refuses connections: the daemon alone is away
	evidence  []state.Evidence
}

// look begins the last look at a member, unless one is under way or fresh, and
// returns the fresh one.
func (c *Core) look(node *state.Node) (*look, bool) {
	last := c.judge.looks[node.Name]
	switch {
	case last != nil && !last.done:
		return nil, false
	case last != nil && c.in.Now.Sub(last.at) < freshLook:
		return last, true
	}
	begun := &look{id: c.newID(), at: c.in.Now}
	c.judge.looks[node.Name] = begun
	c.heartbeat(node, begun)
	asked := Look{ID: begun.id, Node: node.Name, Address: node.Address}
	for _, name := range c.s.NodeNames() {
		if witness := c.s.Nodes[name]; name != c.config.Self && name != node.Name && witness.Liveness == state.LivenessAlive {
			asked.Witnesses = append(asked.Witnesses, Witness{name, witness.Address})
		}
	}
	c.out.Looks = append(c.out.Looks, asked)
	return nil, false
}

// heartbeat says whether the member answers the log's heartbeats: one that does
// is governed, whatever becomes of gossip.
func (c *Core) heartbeat(node *state.Node, l *look) {
	seen, known := c.in.Members[node.Name]
	if !known || seen.Answered < 0 {
		return
	}
	l.reachable = seen.Answered < freshHeartbeat
	l.evidence = c.grounds("raft", fmt.Sprintf("answered the log's heartbeat %s ago", seen.Answered.Round(time.Millisecond)))
}

// takeLooked takes the looks that have ended.
func (c *Core) takeLooked() {
	for _, found := range c.in.Looked {
		for _, l := range c.judge.looks {
			if l.id != found.ID {
				continue
			}
			l.done = true
			l.reachable, l.hostAlive = l.reachable || found.Reachable, found.HostAlive
			l.evidence = append(l.evidence, found.Evidence...)
			slices.SortStableFunc(l.evidence, func(a, b state.Evidence) int {
				return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Observer, b.Observer), cmp.Compare(a.Source, b.Source))
			})
		}
	}
}
