package state

import (
	"slices"
	"strings"
	"time"

	"github.com/belay-ha/belay/resources"
)

// Place is one instance on one node.
type Place struct {
	Node     resources.NodeName   `json:"node"`
	Instance resources.InstanceID `json:"instance"`
}

// String returns the place as keys of actions have it.
func (p Place) String() string { return string(p.Instance) + "@" + string(p.Node) }

// Notice is what an instance is told of its peers (clone option notify).
type Notice struct {
	// Before says that Op is about to happen to Peers; else it has happened.
	Before bool         `json:"before,omitempty"`
	Op     resources.Op `json:"op"`
	Peers  []Place      `json:"peers"`
	// Also holds what else was planned for the clone's instances then.
	Also map[resources.Op][]Place `json:"also,omitempty"`
}

// Key names a notice to an instance: "notify pre start galera@c1 to galera@c2".
func (n *Notice) Key(to Place) string {
	when := "post"
	if n.Before {
		when = "pre"
	}
	peers := make([]string, len(n.Peers))
	for k, about := range n.Peers {
		peers[k] = about.String()
	}
	return "notify " + when + " " + string(n.Op) + " " + strings.Join(peers, ",") + " to " + to.String()
}

// NoticeRecord remembers the notices about one operation on one instance: who
// has been told before it, or who is still to be told after it. It is dropped
// when that is of no more use: the next operation on the instance has begun, its
// role is another, or nobody is left in it.
type NoticeRecord struct {
	Place
	Op     resources.Op `json:"op"`
	Before bool         `json:"before,omitempty"`
	// Role of the instance for as long as the record holds.
	Role resources.Role `json:"role"`
	// Peers have been told (Before), or are still to be told.
	Peers []NoticePeer `json:"peers"`
}

// NoticePeer is one that was told, or is to be told.
type NoticePeer struct {
	Place
	At time.Time `json:"at,omitzero"` // when it was told
}

// toldOf reports whether peers hear of an operation.
func toldOf(op resources.Op) bool {
	switch op {
	case resources.OpStart, resources.OpStop, resources.OpPromote, resources.OpDemote:
		return true
	default:
		return false
	}
}

// takes reports whether the instance can be told something: only what runs can.
func takes(i *Instance, intent *Intent) bool {
	return intent.Op != resources.OpNotify || (intent.Notice != nil && i.Role.Active())
}

// notifies reports whether the definition wants the resource's copies to hear of
// each other.
func (s *State) notifies(id resources.ResourceID) bool {
	clone := (*resources.Clone)(nil)
	if r, found := s.Definition.Resource(id); found {
		clone = r.Clone
	}
	if g, found := s.Definition.GroupOf(id); found {
		clone = g.Clone
	}
	return clone != nil && clone.Notify
}

// answered records that the instance which a notice was for has dealt with it,
// whatever came of that: a failed notice holds nothing up.
func (t *tx) answered(op *Operation) {
	to := Place{op.Node, op.Instance}
	for _, about := range op.Notice.Peers {
		if op.Notice.Before {
			t.told(about, op.Notice.Op, to)
			continue
		}
		for k, r := range t.s.Notices {
			if r.Place == about && r.Op == op.Notice.Op && !r.Before {
				fresh := *r
				fresh.Peers = slices.DeleteFunc(slices.Clone(r.Peers), func(p NoticePeer) bool { return p.Place == to })
				t.putNotice(k, &fresh)
			}
		}
	}
}

// told adds a peer that knows now what is about to happen. Only one operation is
// ever about to happen to an instance: a record of another one is forgotten.
func (t *tx) told(about Place, op resources.Op, to Place) {
	fresh := &NoticeRecord{Place: about, Op: op, Before: true, Role: t.s.roleAt(about)}
	at := len(t.s.Notices)
	for k, r := range t.s.Notices {
		if r.Place == about && r.Before {
			at = k
			if r.Op == op {
				fresh.Peers = slices.DeleteFunc(slices.Clone(r.Peers), func(p NoticePeer) bool { return p.Place == to })
			}
		}
	}
	fresh.Peers = append(fresh.Peers, NoticePeer{Place: to, At: t.at})
	t.putNotice(at, fresh)
}

// putNotice replaces the k-th record, or adds one, in a new list.
func (t *tx) putNotice(k int, r *NoticeRecord) {
	fresh := slices.Clone(t.s.Notices)
	if k == len(fresh) {
		fresh = append(fresh, r)
	} else {
		fresh[k] = r
	}
	t.s.Notices = fresh
}

// owe records that the running copies of a resource are to be told of an
// operation on one of them.
func (t *tx) owe(n *Node, id resources.InstanceID, role resources.Role, op resources.Op) {
	if !toldOf(op) || !t.s.notifies(id.Resource()) {
		return
	}
	r := &NoticeRecord{Place: Place{n.Name, id}, Op: op, Role: role}
	for _, name := range t.s.NodeNames() {
		for _, peer := range t.s.Nodes[name].copies(id) {
			r.Peers = append(r.Peers, NoticePeer{Place: Place{name, peer}})
		}
	}
	at := slices.IndexFunc(t.s.Notices, func(old *NoticeRecord) bool { return old.Place == r.Place && old.Op == op && !old.Before })
	if at < 0 {
		at = len(t.s.Notices)
	}
	t.putNotice(at, r) // with nobody in it, it is dropped at once
}

// copies lists the node's running copies of the resource that an instance
// belongs to, in order.
func (n *Node) copies(id resources.InstanceID) []resources.InstanceID {
	var list []resources.InstanceID
	if !strings.Contains(string(id), ":") { // the copies of an anonymous clone share their name
		if i, found := n.Instances[id]; found && i.Role.Active() {
			list = append(list, id)
		}
		return list
	}
	for other, i := range n.Instances {
		if other.Resource() == id.Resource() && i.Role.Active() {
			list = append(list, other)
		}
	}
	slices.Sort(list)
	return list
}

// ran lists what is believed to run on a node, in order.
func ran(n *Node) []resources.InstanceID {
	var list []resources.InstanceID
	for id, i := range n.Instances {
		if i.Role.Active() {
			list = append(list, id)
		}
	}
	slices.Sort(list)
	return list
}

// oweStops records that peers are to be told of the end of what ran on a node.
// Clusters that do not know notices yet hold none.
func (t *tx) oweStops(n *Node, ended []resources.InstanceID) {
	if t.s.Version < VersionNotices {
		return
	}
	for _, id := range ended {
		t.owe(n, id, resources.RoleStopped, resources.OpStop)
	}
}

func (s *State) roleAt(at Place) resources.Role {
	if i, found := s.Instance(at.Node, at.Instance); found {
		return max(i.Role, resources.RoleStopped)
	}
	return resources.RoleStopped
}

// settleNotices drops what is of no more use, after every command: so nothing
// that changes an instance or a node needs to know of notices.
func (t *tx) settleNotices() {
	if len(t.s.Notices) == 0 {
		return
	}
	var kept []*NoticeRecord
	changed := false
	for _, r := range t.s.Notices {
		fresh := t.s.settled(r)
		changed = changed || fresh != r
		if fresh != nil {
			kept = append(kept, fresh)
		}
	}
	if changed {
		t.s.Notices = kept
	}
}

// settled returns what is left of a record: itself, a shorter one, or nil.
func (s *State) settled(r *NoticeRecord) *NoticeRecord {
	n, member := s.Nodes[r.Node]
	if !member || (r.Before && !n.Online()) || s.roleAt(r.Place) != r.Role || !s.notifies(r.Instance.Resource()) {
		return nil
	}
	if i, found := n.Instances[r.Instance]; found {
		if op, busy := s.Operations[i.Action]; busy && toldOf(op.Op) {
			return nil
		}
	}
	gone := func(p NoticePeer) bool {
		n, member := s.Nodes[p.Node]
		return !member || !n.Online() || !s.roleAt(p.Place).Active()
	}
	if slices.ContainsFunc(r.Peers, gone) {
		fresh := *r
		fresh.Peers = slices.DeleteFunc(slices.Clone(r.Peers), gone)
		r = &fresh
	}
	if len(r.Peers) == 0 {
		return nil
	}
	return r
}
