package state

import (
	"maps"
	"slices"
	"time"

	"github.com/belay-ha/belay/resources"
)

// Online reports whether the node takes orders: alive, or only suspected.
func (n *Node) Online() bool { return n.Liveness == LivenessAlive || n.Liveness == LivenessSuspect }

// Lost reports whether the node may still run things although it takes no
// orders: nothing of it may be recovered yet. Such a node is what Pacemaker
// calls unclean.
func (n *Node) Lost() bool {
	return (n.Liveness == LivenessDead || n.Liveness == LivenessUnknown) && n.Off == nil
}

// InMaintenance reports whether the node is in maintenance at now.
func (n *Node) InMaintenance(now time.Time) bool { return n.Maintenance.Holds(now) }

// InMaintenance reports whether all of the cluster is in maintenance at now: by
// the definition's property or by a command.
func (s *State) InMaintenance(now time.Time) bool {
	return s.Definition.PropertiesAt(now).MaintenanceMode || s.Maintenance[ScopeCluster].Holds(now)
}

// NodeNames returns the members' names in order.
func (s *State) NodeNames() []resources.NodeName { return slices.Sorted(maps.Keys(s.Nodes)) }

// Instance returns what is known of an instance on a node.
func (s *State) Instance(node resources.NodeName, id resources.InstanceID) (*Instance, bool) {
	n, ok := s.Nodes[node]
	if !ok {
		return nil, false
	}
	i, ok := n.Instances[id]
	return i, ok
}

// ConfigOf returns the resource as an instance was started with it, or else as it
// is defined there but for what rules about the time give; false if neither knows it.
func (s *State) ConfigOf(node resources.NodeName, id resources.InstanceID) (*resources.Resource, bool) {
	if i, found := s.Instance(node, id); found && i.Config != nil {
		return i.Config, true
	}
	return s.ResourceOn(node, id.Resource(), time.Time{})
}

const (
	// DefaultLease is Properties.Lease's default.
	DefaultLease = 5 * time.Second
	// MinLease is the least that is obeyed: a leader's loss and the next election
	// take about a second and must not stop anything.
	MinLease = 2 * time.Second
)

// Lease is how long a member trusts its last word from the leader, by its own
// monotonic clock, before it applies the no-quorum policy.
func (s *State) Lease() time.Duration {
	if configured := s.Definition.Properties.Lease.Std(); configured > 0 {
		return max(configured, MinLease)
	}
	return DefaultLease
}
