package policy

import "time"

// recurring is an operation that is repeated while its resource has a role.
type recurring struct {
	op   *OpConfig
	role Role // RoleUnknown: any but promoted
}

// recur creates the recurring operations of a resource where it will be, and
// those that watch that it stays away from the other nodes.
func (e *engine) recur(r *resource) {
	if r.config == nil || r.is(flagBlocked) || r.is(flagMaintenance) {
		return
	}
	var start *action
	if n := r.assigned; n != nil && !n.maintenance && (r.nextRole != RoleStopped || !r.is(flagManaged)) {
		start = e.startAction(r, n, true)
	}
	for i := range r.config.Ops {
		op, ok := r.recurringOp(i)
		switch {
		case !ok:
		case op.role == RoleStopped:
			e.recurInactive(r, op)
		case start != nil:
			e.recurActive(r, op, start)
		}
	}
}

// recurringOp reads one configured operation; false if it does not recur, is
// disabled, or repeats an earlier one.
func (r *resource) recurringOp(i int) (recurring, bool) {
	op := &r.config.Ops[i]
	if op.Interval <= 0 || cannotRecur(op.Name) || !op.enabled() {
		return recurring{}, false
	}
	for j := range r.config.Ops {
		if other := &r.config.Ops[j]; j != i && other.Name == op.Name && other.Interval == op.Interval {
			return recurring{}, false
		}
	}
	role := RoleUnknown
	if word := op.attribute("role"); word != "" {
		if role = parseRole(word); role == RoleUnknown {
			return recurring{}, false
		}
	}
	return recurring{op, role}, true
}

// cannotRecur names the tasks that only happen once.
func cannotRecur(task string) bool {
	switch task {
	case taskStart, taskStop, taskPromote, taskDemote, taskReload, taskMigrateTo, taskMigrateFrom:
		return true
	default:
		return false
	}
}

// attribute is what stands in the operation itself, or "".
func (op *OpConfig) attribute(name string) string {
	for _, p := range op.Attributes {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}

// enabled reports whether the operation is not switched off.
func (op *OpConfig) enabled() bool {
	on, ok := parseTruth(op.attribute("enabled"))
	return on || !ok
}

// activeAction finds an action bound to exactly this node.
func (r *resource) activeAction(key string, interval time.Duration, n *node) *action {
	for _, a := range r.actions {
		if n != nil && a.node == n && a.interval == interval && a.key == key {
			return a
		}
	}
	return nil
}

// recurActive repeats an operation where the resource is going to be, or ends
// it there if it is for another role.
func (e *engine) recurActive(r *resource, rec recurring, start *action) {
	n, op := r.assigned, rec.op
	optional := false // it runs already, and goes on as it is
	if start.is(actOptional) {
		running := r.activeAction(op.Name, op.Interval, n)
		optional = running != nil && !running.is(actRescheduled)
	}
	if rec.role != RoleUnknown && rec.role != r.nextRole || rec.role == RoleUnknown && r.nextRole == RolePromoted {
		if optional {
			e.endForRole(r, rec, n)
		}
		return
	}
	a := e.newAction(r, op.Name, op.Interval, n, optional)
	if !start.is(actRunnable) || !n.online || n.unclean {
		a.unset(actRunnable)
	}
	a.role = r.nextRole
	if r.nextRole == RolePromoted {
		a.expected = rcPromoted
	}
	if !r.is(flagManaged) {
		return
	}
	follow := func(task string, flags orderFlags) {
		e.addOrdering(ordering{firstRsc: r, firstTask: task, then: a, flags: flags})
	}
	follow(taskStart, firstImpliesThen|firstBlocksThen)
	follow(taskReload, firstImpliesThen|firstBlocksThen)
	if r.nextRole == RolePromoted {
		follow(taskPromote, orderPlain|firstBlocksThen)
	} else if r.role == RolePromoted {
		follow(taskDemote, orderPlain|firstBlocksThen)
	}
}

// endForRole cancels a running operation before the role changes for which it is.
func (e *engine) endForRole(r *resource, rec recurring, n *node) {
	a := e.cancelAction(r, rec.op.Name, rec.op.Interval, n)
	before := ""
	switch {
	case r.role == RolePromoted:
		before = taskDemote
	case r.role < RoleStarted:
	case r.nextRole == RolePromoted:
		before = taskPromote
	case r.nextRole == RoleStopped:
		before = taskStop
	}
	if before != "" {
		e.addOrdering(ordering{first: a, thenRsc: r, thenTask: before, flags: firstBlocksThen})
	}
}

// recurInactive repeats an operation on all nodes where the resource must not
// be. Instances of anonymous clones have no such operations: which instance is
// missing where means nothing.
func (e *engine) recurInactive(r *resource, rec recurring) {
	if !r.is(flagUnique) {
		return
	}
	op := rec.op
	for _, n := range e.nodes {
		running := r.activeAction(op.Name, op.Interval, n)
		if n == r.assigned {
			if running != nil {
				a := e.cancelAction(r, op.Name, op.Interval, n)
				if r.nextRole == RoleStarted || r.nextRole == RoleUnpromoted {
					e.addOrdering(ordering{first: a, thenRsc: r, thenTask: taskStart, flags: firstBlocksThen})
				}
			}
			continue
		}
		a := e.newAction(r, op.Name, op.Interval, n, running != nil)
		a.role, a.expected = RoleStopped, rcNotRunning
		if r.is(flagManaged) {
			for _, probe := range e.findActions(r, taskMonitor, 0, n) {
				e.orderActions(probe, a, firstBlocksThen)
			}
		}
		e.recurAfterStop(r, n, a)
		if !n.online || n.unclean {
			a.unset(actRunnable)
		}
	}
}

// recurAfterStop lets an operation for a stopped resource wait for the stop.
func (e *engine) recurAfterStop(r *resource, n *node, a *action) {
	stop := r.activeAction(taskStop, 0, n)
	if stop == nil {
		return
	}
	if !r.is(flagManaged) && !stop.is(actOptional) {
		a.set(actOptional)
	}
	if !stop.is(actRunnable) {
		a.unset(actRunnable)
	}
	if r.is(flagManaged) {
		e.addOrdering(ordering{first: stop, then: a, flags: firstImpliesThen | firstBlocksThen})
	}
}

// cancelAction ends a recurring operation. It takes the place of the operation's
// own action, if there is one.
func (e *engine) cancelAction(r *resource, task string, interval time.Duration, n *node) *action {
	a := e.newKeyedAction(r, task, taskCancel, interval, n, false)
	a.task, a.cancelOp = taskCancel, task
	return a
}

// cancelAfterStop ends an operation that is not wanted any more.
func (e *engine) cancelAfterStop(r *resource, task string, interval time.Duration, n *node) {
	a := e.cancelAction(r, task, interval, n)
	e.addOrdering(ordering{firstRsc: r, firstTask: taskStop, then: a, flags: orderPlain})
}

// reschedule starts a recurring operation anew, with its changed parameters.
func (e *engine) reschedule(r *resource, task string, interval time.Duration, n *node) {
	e.unfenceForChange(r, n, "Device parameters changed (reschedule)")
	e.newAction(r, task, interval, n, true).set(actRescheduled)
}
