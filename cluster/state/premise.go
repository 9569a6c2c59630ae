package state

import "github.com/belay-ha/belay/resources"

// stands reports whether what an intent was planned from still holds. Between the
// plan and its entry others are committed, and one whose proposer never heard what
// became of it may be among them. What has changed is planned anew.
func (t *tx) stands(n *Node, i *Instance, intent *Intent) bool {
	if t.s.Version < VersionLooks || !raises(intent.Op) {
		return true
	}
	if i.Role.Active() && !i.Probed {
		return false // nobody knows what runs there: it is looked at first
	}
	return intent.Op != resources.OpStart || !t.s.exclusive(i.ID) || !t.s.comesElsewhere(n.Name, i.ID)
}

// raises reports whether more may run after an operation than before.
func raises(op resources.Op) bool {
	switch op {
	case resources.OpStart, resources.OpPromote, resources.OpMigrateTo, resources.OpMigrateFrom:
		return true
	default:
		return false
	}
}

// exclusive reports whether the instance may be on one node only: the copies of an
// anonymous clone share their name.
func (s *State) exclusive(id resources.InstanceID) bool {
	r, defined := s.Definition.Effective(id.Resource())
	if _, inside := s.Definition.BundleOf(id.Resource()); !defined || inside {
		return false
	}
	clone := r.Clone
	if g, grouped := s.Definition.GroupOf(r.ID); grouped {
		clone = g.Clone
	}
	return clone == nil || clone.GloballyUnique
}

// comesElsewhere reports whether the instance runs on another member that is
// online, or is about to. Of one that is lost the planner knows what it takes.
func (s *State) comesElsewhere(node resources.NodeName, id resources.InstanceID) bool {
	for name, n := range s.Nodes {
		i, found := n.Instances[id]
		if !found || name == node || !n.Online() {
			continue
		}
		if op, busy := s.Operations[i.Action]; i.Role.Active() || busy && raises(op.Op) {
			return true
		}
	}
	return false
}
