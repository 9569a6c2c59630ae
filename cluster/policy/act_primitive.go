package policy

// actPrimitive creates the actions of a primitive.
func (e *engine) actPrimitive(r *resource) {
	if r.nextRole == RoleUnknown {
		if r.assigned == nil {
			e.setNextRole(r, RoleStopped, "assignment")
		} else {
			e.setNextRole(r, RoleStarted, "assignment")
		}
	}
	for _, n := range r.dangling {
		e.abortMigration(r, n)
	}
	at := r.activity()
	moving, migrating := false, false
	if at.node != nil && r.assigned != nil && at.node != r.assigned && r.nextRole >= RoleStarted {
		moving, migrating = true, r.canMigrate(at.node)
	}
	needStop := moving
	if r.migrateFrom != nil || r.migrateTo != nil {
		goesOn := r.migrateFrom != nil && r.migrateTo != nil && migrating && at.all == 2 &&
			at.node == r.migrateFrom && r.assigned == r.migrateTo
		if !goesOn {
			r.migrateFrom, r.migrateTo = nil, nil
			needStop, migrating = true, false
		}
		r.unset(flagUnexpected)
	} else if e.checkMultiple(r, at) {
		needStop = true
	}
	if r.is(flagStartPending) {
		e.startAction(r, r.assigned, true).set(actPrintAlways)
	}
	needPromote := false
	if !moving {
		stop, promote := e.needsRecovery(r, at.node)
		needStop, needPromote = needStop || stop, promote
	}
	e.restart(r, needStop, needPromote)
	e.advance(r)
	e.recur(r)
	if migrating {
		e.migrate(r, at.node)
	}
}

// checkMultiple reports whether the resource has to be stopped because it is
// active on several nodes. Where it may run elsewhere before its node is
// fenced, nodes that do not work do not count.
func (e *engine) checkMultiple(r *resource, at activity) bool {
	multiple := at.clean > 1
	if r.is(flagNeedsFencing) {
		multiple = at.all > 1
	}
	if !multiple {
		r.unset(flagUnexpected)
		return false
	}
	switch r.multiple {
	case multipleStopStart:
		return true
	case multipleStopUnexpected:
		r.set(flagUnexpected)
		return true
	default:
		return false
	}
}

// needsRecovery reports whether a resource that stays where it is has to be
// stopped, or at least demoted and promoted again.
func (e *engine) needsRecovery(r *resource, at *node) (stop, promote bool) {
	switch {
	case r.is(flagFailed):
		if r.is(flagStopIfFailed) {
			return true, false
		}
		return false, r.nextRole == RolePromoted
	case r.is(flagBlocked):
		return true, false
	case r.role > RoleStarted && at != nil && r.assigned != nil:
		// A changed definition has made the start necessary.
		return !e.startAction(r, r.assigned, true).is(actOptional), false
	}
	return false, false
}

// cleanUp deletes the resource's history on a node, between its stop and its
// next start.
func (e *engine) cleanUp(r *resource, n *node, optional bool) {
	if r.is(flagFailed) || n.unclean || !n.online {
		return
	}
	e.newAction(r, taskDelete, 0, n, optional)
	// A clean-up that has to be done needs neither; one that may become necessary
	// needs both.
	flags := orderPlain
	if optional {
		flags = firstImpliesThen
	}
	e.orderTasks(r, taskStop, r, taskDelete, flags)
	e.orderTasks(r, taskDelete, r, taskStart, flags)
}
