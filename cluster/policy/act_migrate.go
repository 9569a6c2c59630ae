package policy

// canMigrate reports whether the resource may move without a stop, from the
// node where it runs to the one that it has been assigned.
func (r *resource) canMigrate(from *node) bool {
	return r.is(flagMigratable) && r.is(flagManaged) && !r.is(flagFailed) && !r.is(flagStartPending) &&
		from != nil && !from.unclean && r.assigned != nil && !r.assigned.unclean
}

// migrate creates the actions of a live migration besides those of a move by
// restart. Which of the two it becomes is decided by the orderings: the start of
// a migration does nothing, and its stop comes last.
func (e *engine) migrate(r *resource, from *node) {
	start := e.startAction(r, r.assigned, true)
	stop := e.stopAction(r, from, true)
	halfDone := r.migrateTo != nil
	var to *action
	if !halfDone {
		to = e.newAction(r, taskMigrateTo, 0, from, true)
	}
	arrive := e.newAction(r, taskMigrateFrom, 0, r.assigned, true)

	start.set(actMigratable | actPseudo)
	stop.set(actMigratable)
	arrive.set(actMigratable)
	if halfDone {
		arrive.needs = start.needs
		e.orderTasks(r, taskMonitor, r, taskMigrateFrom, orderPlain)
	} else {
		to.set(actMigratable)
		to.needs = start.needs
		to.migrateSource, to.migrateTarget = from, r.assigned
		e.orderTasks(r, taskMonitor, r, taskMigrateTo, orderPlain)
		e.orderTasks(r, taskMigrateTo, r, taskMigrateFrom, orderPlain|unmigratableThen)
	}
	arrive.migrateSource, arrive.migrateTarget = from, r.assigned
	e.orderTasks(r, taskMigrateFrom, r, taskStop, orderPlain|unmigratableThen)
	e.orderTasks(r, taskMigrateFrom, r, taskStart, orderPlain|unmigratableThen|firstElseThen)
}

// abortMigration stops what a migration that never arrived left on its source.
func (e *engine) abortMigration(r *resource, source *node) {
	e.stopAction(r, source, false).set(actMigrationAbort)
}
