package policy

import "strings"

// outline is what a collection's action comes to, given the actions of its
// members, for the orderings that it is part of. It is computed again when an
// action of the outermost collection has changed.
type outline struct {
	revision uint32
	flags    actionFlags
	byNode   []actionFlags // by node index; of clones of primitives only
}

const outlineFlags = actOptional | actRunnable | actPseudo

// orderingFlags are the flags that count for an ordering with an action that is
// on the node. A clone's action is optional where its instances on the node need
// not do it, but runnable if any instance can.
func (e *engine) orderingFlags(a *action, n *node) actionFlags {
	if a.rsc == nil || a.rsc.variant == Primitive {
		return a.flags
	}
	flags := e.effectiveFlags(a, nil)
	if n == nil || a.rsc.variant != Clone {
		return flags
	}
	return e.effectiveFlags(a, n) | flags&actRunnable
}

// effectiveFlags are the flags of a resource's action: its own, or the outline
// of its members' (on the node, if one is given).
func (e *engine) effectiveFlags(a *action, n *node) actionFlags {
	switch a.rsc.variant {
	case Group:
		return e.groupFlags(a, n)
	case Clone:
		return e.collectiveFlags(a, a.rsc.members, n)
	case Bundle:
		return e.collectiveFlags(a, bundleInstances(a), n)
	default:
		return a.flags
	}
}

// bundleInstances are what a bundle's action is about: the instances inside for
// roles, otherwise the containers.
func bundleInstances(a *action) []*resource {
	if b := a.rsc.bndl; b != nil && b.child != nil {
		switch a.task {
		case taskStart, taskStarted, taskStop, taskStopped, taskMonitor, taskShutdown, taskFence:
		default:
			return b.child.members
		}
	}
	return a.rsc.replicaContainers()
}

// replicaContainers are a bundle's containers.
func (r *resource) replicaContainers() []*resource {
	if r.bndl == nil {
		return nil
	}
	list := make([]*resource, 0, len(r.bndl.replicas))
	for _, rep := range r.bndl.replicas {
		if rep != nil && rep.container != nil {
			list = append(list, rep.container)
		}
	}
	return list
}

// instances are what a clone or bundle consists of; a primitive or group has
// none.
func (r *resource) instances() []*resource {
	switch r.variant {
	case Clone:
		return r.members
	case Bundle:
		return r.replicaContainers()
	default:
		return nil
	}
}

// groupFlags: a group's action is needed if a member's is, and possible only if
// all members do it (of stops and demotions: those that have one).
func (e *engine) groupFlags(a *action, n *node) actionFlags {
	flags := outlineFlags
	for _, m := range a.rsc.members {
		task := memberTask(m, a.task)
		deed := m.deed(task, n)
		if deed == nil {
			if task != taskStop && task != taskDemote {
				flags &^= actRunnable
			}
			continue
		}
		f := e.effectiveFlags(deed, n)
		if f&actOptional == 0 && flags&actOptional != 0 {
			flags &^= actOptional
			a.unset(actOptional)
		}
		if task != a.task && f&actRunnable == 0 && flags&actRunnable != 0 {
			flags &^= actRunnable
			a.unset(actRunnable)
		}
	}
	return flags
}

// collectiveFlags: the action of a clone or bundle is needed if an instance's
// is, and possible if any instance's is.
func (e *engine) collectiveFlags(a *action, instances []*resource, n *node) actionFlags {
	top := a.rsc.top()
	if a.outline == nil {
		a.outline = &outline{revision: top.revision - 1}
	}
	o := a.outline
	if o.revision != top.revision {
		*o = outline{revision: top.revision, byNode: o.byNode[:0]}
		o.flags = e.sumInstances(a, instances, nil)
	}
	if n == nil {
		return o.flags
	}
	if len(instances) > 0 && instances[0].variant != Primitive {
		return e.sumInstances(a, instances, n)
	}
	if len(o.byNode) == 0 {
		e.sumByNode(a, o, instances)
	}
	if o.byNode[n.index]&actOptional == 0 {
		a.unset(actOptional)
	}
	return o.byNode[n.index]
}

// sumInstances sums up the instances' actions.
func (e *engine) sumInstances(a *action, instances []*resource, n *node) actionFlags {
	task := instanceTask(a)
	flags := actOptional | actPseudo
	for _, m := range instances {
		at := n
		if m.variant != Primitive {
			at = nil // a group is not bound to a node
		}
		deed := m.deed(task, at)
		if deed == nil {
			continue
		}
		f := e.effectiveFlags(deed, n)
		if f&actOptional == 0 {
			flags &^= actOptional
			a.unset(actOptional)
		}
		flags |= f & actRunnable
	}
	if n == nil && flags&actRunnable == 0 {
		a.unset(actRunnable)
	}
	return flags
}

// sumByNode sums up the actions of primitive instances for all nodes at once.
func (e *engine) sumByNode(a *action, o *outline, instances []*resource) {
	if cap(o.byNode) < len(e.nodes) {
		o.byNode = make([]actionFlags, len(e.nodes))
	}
	o.byNode = o.byNode[:len(e.nodes)]
	for i := range o.byNode {
		o.byNode[i] = actOptional | actPseudo
	}
	task := instanceTask(a)
	for _, m := range instances {
		list := m.deedsList()
		for i, deed := range list {
			if deed.task != task || deed.node == nil || laterOn(list[i+1:], deed) {
				continue
			}
			f := &o.byNode[deed.node.index]
			*f |= deed.flags & actRunnable
			if !deed.is(actOptional) {
				*f &^= actOptional
			}
		}
	}
}

// laterOn reports whether a later action does the same on the same node.
func laterOn(list []*action, a *action) bool {
	for _, b := range list {
		if b.task == a.task && b.node == a.node {
			return true
		}
	}
	return false
}

// instanceTask is the task of a clone's or bundle's instances that corresponds
// to the collection's action; a notification counts as what it is about.
func instanceTask(a *action) string {
	task := a.task
	if task == taskNotify || task == taskNotified {
		if _, about, ok := strings.Cut(a.key, "_notify_"); ok {
			task = about
		}
	}
	if len(a.rsc.members) == 0 {
		return task
	}
	return memberTask(a.rsc.members[0], task)
}

// memberTask is the task of a member for a collection's: a primitive starts
// and is then started; only collections mark that as a task of its own.
func memberTask(m *resource, task string) string {
	if m.variant != Primitive {
		return task
	}
	switch task {
	case taskStarted:
		return taskStart
	case taskStopped:
		return taskStop
	case taskPromoted:
		return taskPromote
	case taskDemoted:
		return taskDemote
	default:
		return task
	}
}

// doneTask marks the end of a collection's task; empty if nothing does.
func doneTask(task string) string {
	switch task {
	case taskStart, taskStarted:
		return taskStarted
	case taskStop, taskStopped:
		return taskStopped
	case taskPromote, taskPromoted:
		return taskPromoted
	case taskDemote, taskDemoted:
		return taskDemoted
	default:
		return ""
	}
}

// touch notes that an action of the resource's outermost collection changed.
func touch(a *action) {
	if a.rsc != nil {
		a.rsc.top().revision++
	}
}
