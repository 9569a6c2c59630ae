package policy

// nextStep is the role that is reached first on the way to another: what is
// promoted was started before, what stops is demoted before.
func nextStep(from, to Role) Role {
	switch from {
	case RoleStopped:
		if to > RoleStarted {
			return RoleUnpromoted
		}
		return max(to, RoleStopped)
	case RoleStarted:
		return max(to, RoleStopped)
	case RoleUnpromoted:
		if to < RoleUnpromoted {
			return RoleStopped
		}
		return to
	case RolePromoted:
		switch to {
		case RoleUnknown:
			return RoleStopped
		case RolePromoted:
			return RolePromoted
		default:
			return RoleUnpromoted
		}
	default: // of an unknown role
		if to == RoleUnknown {
			return RoleUnknown
		}
		return RoleStopped
	}
}

// stepTo creates the action that takes a resource from one role to the next one;
// false if no action does.
func (e *engine) stepTo(r *resource, from, to Role, optional bool) bool {
	switch {
	case from == RolePromoted && to < RolePromoted:
		e.demoteWhereActive(r, optional)
	case from == RoleStopped && to > RoleStopped:
		e.startAssigned(r, optional)
	case from != RoleStopped && from != to && to == RoleStopped:
		e.stopWhereActive(r, optional)
	case from >= RoleStarted && from < RolePromoted && to == RolePromoted:
		e.promoteAssigned(r, optional)
	default:
		return false
	}
	return true
}

// restart takes the resource down from its present role and up to it again, if
// it will have at least that role. All of it is optional but what is needed.
func (e *engine) restart(r *resource, needStop, needPromote bool) {
	r.set(flagRestarting)
	role := r.role
	for role != RoleStopped {
		next := nextStep(role, RoleStopped)
		if !e.stepTo(r, role, next, !needStop) {
			break
		}
		role = next
	}
	for r.role <= r.nextRole && role != r.role && !r.is(flagBlocked) {
		next := nextStep(role, r.role)
		required := needStop || needPromote && next == RolePromoted
		if !e.stepTo(r, role, next, !required) {
			break
		}
		role = next
	}
	r.unset(flagRestarting)
}

// advance takes the resource from its present role to its next one.
func (e *engine) advance(r *resource) {
	for role := r.role; role != r.nextRole; {
		next := nextStep(role, r.nextRole)
		if !e.stepTo(r, role, next, false) {
			return
		}
		role = next
	}
}

// staysUnexpected reports whether the resource is active on several nodes, is
// being stopped on the others only, and n is where it stays.
func (r *resource) staysUnexpected(n *node) bool {
	return r.is(flagUnexpected) && r.is(flagRestarting) && r.nextRole > RoleStopped && n != nil && r.assigned == n
}

// stopWhereActive stops the resource on every node where it is active.
func (e *engine) stopWhereActive(r *resource, optional bool) {
	for _, n := range r.runningOn {
		if r.staysUnexpected(n) {
			continue
		}
		if r.migrateTo != nil {
			if n == r.migrateTo && n == r.assigned {
				continue // the migration to there goes on
			}
			optional = false
		}
		stop := e.stopAction(r, n, optional)
		switch {
		case r.assigned == nil:
			stop.reason = "node availability"
		case r.is(flagRestarting) && r.is(flagUnexpected):
			stop.reason = "being multiply active"
		}
		if !r.is(flagManaged) {
			stop.unset(actRunnable)
		}
		if r.is(flagNeedsUnfencing) {
			unfence := e.fenceAction(n, fenceOn, true, "", false)
			e.orderActions(stop, unfence, thenImpliesFirst)
		}
	}
}

// startAssigned starts the resource where it has been assigned.
func (e *engine) startAssigned(r *resource, optional bool) {
	n := r.assigned
	if n == nil {
		return
	}
	start := e.startAction(r, n, true)
	e.orderAfterUnfencing(r, n, start, firstImpliesThen)
	if start.is(actRunnable) && !optional {
		start.unset(actOptional)
	}
	if r.staysUnexpected(n) {
		start.set(actPseudo)
	}
}

// promoteAssigned promotes the resource where it has been assigned, unless it
// cannot be started there.
func (e *engine) promoteAssigned(r *resource, optional bool) {
	n := r.assigned
	if n == nil {
		return
	}
	runnable := true
	for _, start := range r.actions {
		if start.key == taskStart && start.node == n && !start.is(actRunnable) {
			runnable = false
		}
	}
	if !runnable {
		for _, promote := range r.actions {
			if promote.key == taskPromote && promote.node == n {
				promote.unset(actRunnable)
			}
		}
		return
	}
	promote := e.promoteAction(r, n, optional)
	if r.staysUnexpected(n) {
		promote.set(actPseudo)
	}
}

// demoteWhereActive demotes the resource on every node where it is active.
func (e *engine) demoteWhereActive(r *resource, optional bool) {
	for _, n := range r.runningOn {
		if !r.staysUnexpected(n) {
			e.demoteAction(r, n, optional)
		}
	}
}
