package policy

import "time"

// expandOrderings turns what was asked for into relations between actions.
func (e *engine) expandOrderings() {
	var firsts, thens []*action
	for i := range e.orderings {
		o := e.orderings[i]
		if o.firstRsc == nil {
			if o.thenRsc == nil {
				e.orderActions(o.first, o.then, o.flags)
				continue
			}
			firsts = append(firsts[:0], o.first)
		} else {
			firsts = e.orderedFirsts(firsts[:0], &o)
		}
		if len(firsts) == 0 {
			continue
		}
		thens = thens[:0]
		if o.then != nil {
			thens = append(thens, o.then)
		} else {
			thens = appendActions(thens, o.thenRsc, o.thenTask, o.thenInterval)
		}
		for _, first := range firsts {
			flags := o.flags
			if first.is(actMigrationAbort) && first.rsc == o.thenRsc {
				// The instance on the target runs already.
				flags &^= firstImpliesThen
			}
			for _, then := range thens {
				e.orderActions(first, then, flags)
			}
		}
	}
}

// orderedFirsts appends the actions that come first. Where there is none and it
// matters, an action that cannot run stands for it: a then that depends on it
// must not run either.
func (e *engine) orderedFirsts(list []*action, o *ordering) []*action {
	if o.first != nil {
		return append(list, o.first)
	}
	r := o.firstRsc
	if list = appendActions(list, r, o.firstTask, o.firstInterval); len(list) > 0 || r == o.thenRsc {
		return list
	}
	role := r.currentRole()
	if o.firstTask == taskStop && role == RoleStopped || o.firstTask == taskDemote && role == RoleUnpromoted {
		return list // there already
	}
	return append(list, e.newAction(r, o.firstTask, max(0, o.firstInterval), nil, true))
}

// appendActions appends the resource's actions with the task, oldest first.
func appendActions(list []*action, r *resource, task string, interval time.Duration) []*action {
	if task != taskMonitor && interval == 0 {
		for _, a := range r.deedsList() {
			if a.key == task && a.interval == 0 {
				list = append(list, a)
			}
		}
		return list
	}
	for _, a := range r.actions {
		if interval == anyInterval && a.task == task || a.interval == interval && a.key == task {
			list = append(list, a)
		}
	}
	return list
}

// currentRole is the resource's role as it is known; of a collection the
// highest of its members'. A bundle has none.
func (r *resource) currentRole() Role {
	if r.variant == Primitive {
		return r.role
	}
	role := RoleUnknown
	if r.variant == Bundle {
		return role
	}
	for _, m := range r.members {
		role = max(role, m.currentRole())
	}
	return role
}

// deedsList is what the resource may do, monitors and notifications left out:
// a resource has few of these and may have a monitor on each node.
func (r *resource) deedsList() []*action {
	for ; r.deedsSeen < len(r.actions); r.deedsSeen++ {
		if a := r.actions[r.deedsSeen]; a.task != taskMonitor && a.task != taskNotify {
			r.deeds = append(r.deeds, a)
		}
	}
	return r.deeds
}

// deed is the resource's latest made action with the task, on the node if one
// is given.
func (r *resource) deed(task string, n *node) *action {
	list := r.deedsList()
	for i := len(list) - 1; i >= 0; i-- {
		if a := list[i]; a.task == task && (n == nil || a.node == n) {
			return a
		}
	}
	return nil
}
