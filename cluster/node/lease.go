package node

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/belay-ha/belay/cluster/membership"
	"github.com/belay-ha/belay/cluster/raftlog"
	"github.com/belay-ha/belay/cluster/state"
	"github.com/belay-ha/belay/resources"
)

// lease remembers when this member last heard its leader.
type lease struct {
	mu sync.Mutex
	at time.Time // guarded by mu; monotonic
}

func (l *lease) heard(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at.After(l.at) {
		l.at = at
	}
}

func (l *lease) age(now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return now.Sub(l.at)
}

// leaseTick is how often the lease is looked at.
const leaseTick = 200 * time.Millisecond

// watchLease applies the no-quorum policy when this member has been without a
// leader for its lease, and ends it when there is a leader again. It asks
// nobody.
func (n *Node) watchLease(ctx context.Context) error {
	ticker := time.NewTicker(leaseTick)
	defer ticker.Stop()
	lost := false
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
		n.renewLease()
		n.checkGivenAway(ctx)
		s := n.believed()
		switch late := n.lease.age(time.Now()) > s.Lease(); {
		case late && !lost && s.Nodes[n.config.Name] != nil:
			lost = true
			n.loseQuorum(ctx, s)
		case !late && lost:
			lost = false
			n.log.Info("there is a leader again")
			if n.exec.Suspended() {
				n.exec.Resume(newIncarnation())
			}
		}
	}
}

// checkGivenAway looks whether the cluster counts this run of the member as
// proven off. Then its services have been given to others: an operator has
// confirmed the wrong node, or a power controller is another host's. Whatever
// runs here runs twice, so it is stopped at once; the member announces itself
// anew after that.
func (n *Node) checkGivenAway(ctx context.Context) {
	s := n.machine.current.Load()
	self, known := s.Nodes[n.config.Name]
	if !known || self.Off == nil || self.Incarnation != n.exec.Incarnation() || n.exec.Suspended() {
		return
	}
	n.log.Error("the cluster holds this host for off, but it is not: stopping everything here", zap.String("by", self.Off.By), zap.String("fence", self.Off.Fence))
	n.exec.Suspend()
	if n.stopEverything(ctx, s, false) {
		n.exec.Resume(newIncarnation())
	}
}

// renewLease notes the last word from the leader. A leader renews its own: Raft
// makes it step down when a majority is silent.
func (n *Node) renewLease() {
	status := n.raft.Status()
	switch status.State {
	case raftlog.Leader:
		n.lease.heard(time.Now())
	case raftlog.Follower:
		if status.LeaderID != "" {
			n.lease.heard(status.LastContact)
		}
	}
}

// loseQuorum applies the policy.
func (n *Node) loseQuorum(ctx context.Context, s *state.State) {
	policy := s.Definition.Properties.NoQuorumPolicy
	n.log.Error("no leader for the lease: applying the no-quorum policy", zap.String("policy", string(policy)), zap.Duration("silence", n.lease.age(time.Now())))
	if policy == resources.NoQuorumIgnore {
		return
	}
	n.exec.Suspend()
	if s.Nodes[n.config.Name].BootID != n.config.BootID {
		return // the host has restarted since: nothing of the cluster runs
	}
	switch policy {
	case resources.NoQuorumFreeze:
	case resources.NoQuorumSuicide:
		n.log.Error("ending this host")
		n.config.Suicide()
	default:
		n.stopEverything(ctx, s, policy == resources.NoQuorumDemote)
	}
}

// stopEverything stops, or demotes, what runs here, and ends the host if it
// cannot. It reports whether all is stopped; false as well when the daemon ends
// meanwhile, which is no reason to end the host.
func (n *Node) stopEverything(ctx context.Context, s *state.State, demoteOnly bool) bool {
	failed := n.exec.StopAll(ctx, s, demoteOnly)
	if ctx.Err() != nil {
		return false
	}
	if len(failed) > 0 {
		n.log.Error("could not stop everything: ending this host, so that the others may go on", zap.Any("resources", failed))
		n.config.Suicide()
	}
	return len(failed) == 0
}

// gossipPatience is how long a member waits to be in touch by gossip before it
// announces itself: from then on its silence means something.
const gossipPatience = 5 * time.Second

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

// announceInterval is how often a member that is not known to have started says
// so.
const announceInterval = 300 * time.Millisecond

// announce tells the leader that this run of the daemon follows the log, and
// again whenever the state holds another run. The leader then looks at what is
// running here before it believes anything.
func (n *Node) announce(ctx context.Context) error {
	started := time.Now()
	for {
		s, changed := n.machine.watch()
		self, known := s.Nodes[n.config.Name]
		due := known && self.Incarnation != n.exec.Incarnation() && n.lease.age(time.Now()) < state.DefaultLease
		if due && (n.heardInGossip(s) || time.Since(started) > gossipPatience) {
			command := &state.MemberBooted{
				Node: n.config.Name, Incarnation: n.exec.Incarnation(), BootID: n.config.BootID, Address: n.config.Address, Software: state.Version,
			}
			if err := n.tellLeader(ctx, command); err != nil {
				n.log.Debug("announce", zap.Error(err))
			}
		}
		select {
		case <-changed:
		case <-time.After(announceInterval):
		case <-ctx.Done():
			return nil
		}
	}
}
