package member

import (
	"time"

	"github.com/belay-ha/belay/cluster/state"
)

const (
	// announceInterval is how often a member that is not known to have started says
	// so.
	announceInterval = 300 * time.Millisecond
	// gossipPatience is how long a member waits to be in touch by gossip before it
	// announces itself: from then on its silence means something.
	gossipPatience = 5 * time.Second
)

// announce tells the leader that this run of the daemon follows the log, and
// again whenever the state holds another run. The leader then looks at what is
// running here before it believes anything.
func (c *Core) announce() {
	c.announcing = c.announcing && !c.in.Announced
	self, known := c.s.Nodes[c.config.Self]
	if !known || self.Incarnation == c.incarnation || c.announcing || c.stopping != nil {
		return
	}
	c.wakeAt(c.now.Add(announceInterval))
	if c.now.Sub(c.in.Heard) >= state.DefaultLease || !c.in.InTouch && c.now.Sub(c.began) <= gossipPatience {
		return
	}
	if c.now.Before(c.announceAfter) && c.s == c.announcedFrom {
		c.wakeAt(c.announceAfter)
		return
	}
	c.announcing, c.announceAfter, c.announcedFrom = true, c.now.Add(announceInterval), c.s
	c.out.Announce = &state.MemberBooted{
		Node: c.config.Self, Incarnation: c.incarnation, BootID: c.config.BootID, Address: c.config.Address, Software: state.Version,
	}
	if c.s.Version >= state.VersionLooks {
		c.out.Announce.Stopped = c.stopped
	}
}
