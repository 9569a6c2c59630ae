package policy

import "slices"

// record is the history of an instance on a node.
type record struct {
	node *node
	name string      // of the resource, as it was recorded
	ops  []HistoryOp // as they ran; shared with the Input
}

// recordKey finds a history by names.
type recordKey struct{ node, resource string }

// unpackHistories reads the histories of nodes. That of a remote or guest node
// is read once others have told that it can be reached, so this goes on until
// nothing new is found out. What is left then is read last where fencing will
// make sure of its state, and otherwise not at all.
func (e *engine) unpackHistories() {
	for e.unpackReachable(false) {
	}
	e.unpackReachable(e.opt.fencing)
	for _, container := range slices.Backward(e.containersToStop) {
		if n := container.currentNode(); n != nil {
			e.stopAction(container, n, false)
		}
	}
	e.containersToStop = nil
}

// unpackReachable reads the histories of nodes of which it has become clear
// that they can be reached, or of all that are left. It reports whether it read
// any.
func (e *engine) unpackReachable(all bool) (found bool) {
	for i := range e.in.Status {
		s := &e.in.Status[i]
		n := e.statusNode(s)
		if n == nil || n.unpacked || s.Name == "" || !all && !e.reachable(n) {
			continue
		}
		if n.remote() {
			e.judgeRemote(n)
			e.unpackRemoteState(n, s)
		}
		n.unpacked, found = true, true
		e.unpackHistory(n, s, e.sights[i].quiet)
	}
	return found
}

// reachable reports whether enough is known to read a node's history. Without
// fencing and shutdown locks, members that are away say nothing.
func (e *engine) reachable(n *node) bool {
	switch {
	case n.guest():
		return n.connection.role == RoleStarted && n.connection.container.role == RoleStarted
	case n.remote():
		return n.connection != nil && (e.opt.shutdownLock || n.connection.role == RoleStarted)
	default:
		return n.online || e.opt.fencing || e.opt.shutdownLock
	}
}

// unpackHistory reads what ran on a node. What ran in containers is tied to
// them afterwards, if it was removed from the configuration.
func (e *engine) unpackHistory(n *node, s *NodeStatus, quiet []bool) {
	launched := false
	for i := range s.History {
		r := e.unpackResourceHistory(n, i, &s.History[i], quiet[i])
		launched = launched || r != nil && r.leftInContainer()
	}
	if !launched {
		return
	}
	for i := range s.History {
		h := &s.History[i]
		container, r := e.find(h.Container), e.find(h.Resource)
		if container != nil && r != nil && r.container == nil && r.leftInContainer() {
			r.container = container
			container.contains = append(container.contains, r)
		}
	}
}

// leftInContainer reports whether the resource ran in a container and is not
// configured any more.
func (r *resource) leftInContainer() bool { return r.is(flagRemovedCopy) && r.parent == nil }

// unpackResourceHistory reads what ran of one resource on a node. It returns
// the resource, or nil if there is nothing to read. Of a quiet history its one
// operation is known already.
func (e *engine) unpackResourceHistory(n *node, place int, h *ResourceHistory, quiet bool) *resource {
	if len(h.Ops) == 0 && !e.opt.shutdownLock {
		return nil
	}
	r := e.findRecorded(n, place, h.Resource)
	if r == nil {
		if len(h.Ops) == 0 {
			return nil
		}
		if r = e.addRemoved(h); r == nil {
			return nil
		}
	}
	if e.opt.shutdownLock {
		e.unpackLock(r, n, h)
	}
	before := r.role
	r.role = RoleUnknown
	p := past{e: e, r: r, n: n, h: h, ops: h.Ops}
	if quiet && r.failureTimeout == 0 {
		r.role, r.nextRole = RoleStopped, RoleUnknown
	} else {
		p.unpackOps()
	}
	p.settle()
	if h.Held || h.Blocked {
		r.unset(flagManaged)
	}
	if h.Blocked {
		r.set(flagBlocked)
	}
	if wanted := r.targetRole; wanted != RoleUnknown && (r.nextRole == RoleUnknown || wanted < r.nextRole) {
		r.nextRole = wanted
	}
	r.role = max(r.role, before)
	return r
}

// unpackOps reads the operations in their order, and keeps them where they tell
// more than that the resource is not there.
func (p *past) unpackOps() {
	p.ops = sortedOps(p.ops)
	for i := range p.ops {
		p.unpackOp(i)
	}
	p.e.keepRecurring(p.r, p.n, p.ops)
	if len(p.ops) > 1 || p.r.role != RoleStopped || p.changed {
		p.r.remember(record{p.n, p.h.Resource, p.ops})
	}
}

// unpackLock notes that a node that was shut down keeps the resource, unless
// that was too long ago.
func (e *engine) unpackLock(r *resource, n *node, h *ResourceHistory) {
	switch {
	case h.ShutdownLock.IsZero():
	case e.opt.shutdownLockLimit > 0 && e.now.Unix() > h.ShutdownLock.Unix()+wholeSeconds(e.opt.shutdownLockLimit):
		e.newAction(r, taskClearLock, 0, n, false)
	default:
		r.lockNode, r.lockTime = n, h.ShutdownLock
	}
}

// keepRecurring makes the recurring operations that are active.
func (e *engine) keepRecurring(r *resource, n *node, ops []HistoryOp) {
	if !n.online {
		return
	}
	first, stop := -2, -2
	for i := range ops {
		op := &ops[i]
		if op.Interval == 0 || op.Status == ExecPending {
			continue
		}
		if first == -2 {
			first, stop = activeSpan(ops)
		}
		if first < stop && i <= stop || i < first {
			continue
		}
		e.newAction(r, op.Op, op.Interval, n, true)
	}
}

// remember keeps a history. Of two on one node, which a clone can leave when its
// instances had numbers of their own, the active one counts.
func (r *resource) remember(of record) {
	for i := range r.records {
		if r.records[i].node == of.node {
			if r.role.active() {
				r.records[i] = of
			}
			return
		}
	}
	r.records = append(r.records, of)
}

// history returns the operations that ran of the resource on the node, in their
// order. Not to be changed.
func (e *engine) history(r *resource, n *node) []HistoryOp {
	for i := range r.records {
		if r.records[i].node == n {
			return r.records[i].ops
		}
	}
	return nil
}

// recordedAs returns the name that the resource's history on the node has, or
// "" where nothing tells of it: a copy of an anonymous clone can be recorded
// under another number than it has now.
func (r *resource) recordedAs(n *node) string {
	for i := len(r.records) - 1; i >= 0; i-- {
		if r.records[i].node == n {
			return r.records[i].name
		}
	}
	return ""
}

// recordedOn finds a history by names.
func (e *engine) recordedOn(node, resource string) *ResourceHistory {
	if e.recorded == nil {
		e.recorded = map[recordKey]*ResourceHistory{}
		for i := range e.in.Status {
			s := &e.in.Status[i]
			for j := range s.History {
				key := recordKey{s.Name, s.History[j].Resource}
				if _, taken := e.recorded[key]; !taken {
					e.recorded[key] = &s.History[j]
				}
			}
		}
	}
	return e.recorded[recordKey{node, resource}]
}
