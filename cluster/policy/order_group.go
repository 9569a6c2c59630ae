package policy

// orderWithin makes the orderings that follow from the shape
// of a resource alone.
func (e *engine) orderWithin(r *resource) {
	switch r.variant {
	case Group:
		e.orderGroup(r)
	case Clone:
		e.orderClone(r)
	case Bundle:
		e.orderBundle(r)
	default:
		e.orderPrimitive(r)
	}
}

// orderGroup puts the points of a group around the actions of its members, and
// the members in a row. Up and down are not mirror images: a member that starts
// needs all before it, a member that stops only comes before them.
func (e *engine) orderGroup(r *resource) {
	e.orderTasks(r, taskStop, r, taskStopped, firstBlocksThen)
	e.orderTasks(r, taskStopped, r, taskStart, orderPlain)
	e.orderTasks(r, taskStart, r, taskStarted, firstBlocksThen)

	promotable := r.outermost().is(flagPromotable)
	ordered := r.group == nil || r.group.ordered
	var previous, lastActive *resource
	for _, m := range r.members {
		e.orderWithin(m)
		e.orderMemberInGroup(r, m, ordered && previous == nil, promotable)
		switch {
		case !ordered:
			e.orderMemberAlone(r, m, promotable)
		case previous != nil:
			e.orderMemberAfter(previous, m, promotable)
		}
		if len(m.runningOn) > 0 {
			// A gap in the row must not let what is on both sides of it stop in any
			// order.
			if ordered && previous != nil && len(previous.runningOn) == 0 && lastActive != nil {
				e.orderTasks(m, taskStop, lastActive, taskStop, orderPlain)
			}
			lastActive = m
		}
		previous = m
	}
}

// orderMemberInGroup puts a member between the group's points. The first of an
// ordered group is the last to go down: with it, all are.
func (e *engine) orderMemberInGroup(r, m *resource, lastDown, promotable bool) {
	down, downDone := thenImpliesFirstGraphed, firstImpliesThenGraphed
	if lastDown {
		down |= orderPlain
		downDone = firstImpliesThen
	}
	const upDone = firstBlocksThen | firstImpliesThen | firstImpliesThenGraphed
	if promotable {
		e.orderTasks(r, taskDemote, m, taskDemote, down)
		e.orderTasks(m, taskDemote, r, taskDemoted, downDone)
		e.orderTasks(m, taskPromote, r, taskPromoted, upDone)
		e.orderTasks(r, taskPromote, m, taskPromote, thenImpliesFirstGraphed)
	}
	e.orderTasks(r, taskStop, m, taskStop, down)
	e.orderTasks(m, taskStop, r, taskStopped, downDone)
	e.orderTasks(r, taskStart, m, taskStart, thenImpliesFirstGraphed)
	e.orderTasks(m, taskStart, r, taskStarted, upDone)
}

// orderMemberAlone makes a member of an unordered group follow the group.
func (e *engine) orderMemberAlone(r, m *resource, promotable bool) {
	const flags = firstImpliesThen | firstBlocksThen | thenImpliesFirstGraphed
	e.orderTasks(r, taskStart, m, taskStart, flags)
	if promotable {
		e.orderTasks(r, taskPromote, m, taskPromote, flags)
	}
}

// orderMemberAfter makes a member of an ordered group follow the one before.
func (e *engine) orderMemberAfter(previous, m *resource, promotable bool) {
	e.orderTasks(previous, taskStart, m, taskStart, firstImpliesThen|firstBlocksThen)
	e.orderTasks(m, taskStop, previous, taskStop, orderPlain|intermediateStop)
	if len(m.runningOn) > 0 && len(previous.runningOn) == 0 {
		// The earlier member is new or was stopped: this one must go down before
		// it can come up.
		e.orderTasks(m, taskStop, previous, taskStart, thenImpliesFirst|firstBlocksThen)
	}
	if promotable {
		e.orderTasks(previous, taskPromote, m, taskPromote, firstImpliesThen|firstBlocksThen)
		e.orderTasks(m, taskDemote, previous, taskDemote, orderPlain)
	}
}
