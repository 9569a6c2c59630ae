package member

import (
	"fmt"
	"time"

	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/internal/mutant"
	"github.com/belay-ha/belay/resources"
)

// leaseTick is how often a member without a leader looks for one.
const leaseTick = 200 * time.Millisecond

// believed returns the newest state that this member knows of itself: its own,
// or the one that its last run left.
func (c *Core) believed() *state.State {
	if left := c.in.Left; left != nil && left.Index > c.s.Index {
		return left
	}
	return c.s
}

// keepLease applies the no-quorum policy when this member has been without a
// leader for its lease, and ends it when there is a leader again. It asks
// nobody.
func (c *Core) keepLease() {
	c.checkGivenAway()
	s := c.believed()
	ends := c.in.Heard.Add(s.Lease())
	late := !c.now.Before(ends) && !mutant.Is(mutant.NoLease)
	switch {
	case c.stopping != nil: // first things first
	case late && !c.lost && s.Nodes[c.config.Self] != nil:
		c.lost = true
		c.loseQuorum(s)
	case !late && c.lost:
		c.lost = false
		c.note(Note{Text: "there is a leader again"})
		if c.suspended {
			c.resume()
		}
	}
	c.wakeAt(ends)
	if c.lost {
		c.wakeAt(c.now.Add(leaseTick))
	}
}

// loseQuorum applies the policy.
func (c *Core) loseQuorum(s *state.State) {
	policy := s.Definition.Properties.NoQuorumPolicy
	c.note(Note{Error: true, Text: fmt.Sprintf("no leader for %s: applying the no-quorum policy %q", c.now.Sub(c.in.Heard).Round(time.Millisecond), policy)})
	if policy == resources.NoQuorumIgnore {
		return
	}
	c.suspended = true
	if s.Nodes[c.config.Self].BootID != c.config.BootID {
		c.idle = true // the host has restarted since: nothing of the cluster runs
		return
	}
	switch policy {
	case resources.NoQuorumFreeze:
	case resources.NoQuorumSuicide:
		c.out.Die = "the no-quorum policy is to end this host"
	default:
		if mutant.Is(mutant.KeepsRunning) {
			return
		}
		c.stopEverything(s, policy == resources.NoQuorumDemote, "")
	}
}

// checkGivenAway looks whether the cluster counts this start of the host as proven
// off. Then its services have been given to others: an operator has confirmed the
// wrong node, or a power controller is another host's. Whatever runs here runs
// twice, so it is stopped before this member takes part in anything again, and before
// it announces itself. It does not matter which run of the daemon that was.
func (c *Core) checkGivenAway() {
	self, known := c.s.Nodes[c.config.Self]
	if !known || self.Off == nil || self.BootID != c.config.BootID || mutant.Is(mutant.BackUnasked) {
		c.ran = c.s
		return
	}
	switch {
	case c.stopping != nil, c.stopped == self.Off.Fence, c.stuck == self.Off.Fence:
	case c.idle: // since before it was counted as off, or after
		c.stopped = self.Off.Fence
	default:
		c.note(Note{Error: true, Text: fmt.Sprintf("the cluster holds this host for off (%s, fencing %s), but it is not: stopping everything here", self.Off.By, self.Off.Fence)})
		c.suspended = true
		c.stopEverything(c.lastRan(), false, self.Off.Fence)
	}
}

// lastRan returns the newest state that says what runs here: one that counts this
// host as off has forgotten it.
func (c *Core) lastRan() *state.State {
	newest := c.s
	for _, s := range []*state.State{c.ran, c.in.Left} {
		if s == nil {
			continue
		}
		self, known := s.Nodes[c.config.Self]
		if known && self.BootID == c.config.BootID && (newest == c.s || s.Index > newest.Index) {
			newest = s
		}
	}
	return newest
}

// resume ends the suspension under a new incarnation, so that orders from before
// are refused and the leader looks at everything again.
func (c *Core) resume() {
	c.suspended, c.idle, c.incarnation = false, false, c.config.NewIncarnation()
}
