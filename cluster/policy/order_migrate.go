package policy

// orderMigrations gives the live migrations of two resources the order that
// their starts, stops, promotions and demotions have been given.
func (e *engine) orderMigrations(o *ordering) {
	first, then := o.firstRsc, o.thenRsc
	if first == nil || then == nil || o.firstInterval > 0 || o.thenInterval > 0 ||
		within(first, then) || within(then, first) {
		return
	}
	if !then.is(flagMigratable) {
		return // a first that migrates is waited for by way of its start
	}
	switch {
	case o.firstTask == taskStart && o.thenTask == taskStart:
		flags := orderPlain
		if first.is(flagMigratable) {
			e.orderTasks(first, taskMigrateFrom, then, taskMigrateTo, flags)
			flags |= unmigratableFirst
		}
		e.orderTasks(first, taskStart, then, taskMigrateTo, flags)

	case o.firstTask == taskPromote && o.thenTask == taskStart:
		e.orderTasks(first, taskPromote, then, taskMigrateTo, orderPlain)

	case o.firstTask == taskStop && o.thenTask == taskStop:
		flags := orderPlain
		if first.is(flagMigratable) {
			flags |= unmigratableFirst
		}
		e.orderBeforeMigration(first, taskStop, then, flags)

	case o.firstTask == taskDemote && o.thenTask == taskStop:
		e.orderBeforeMigration(first, taskDemote, then, orderPlain)
	}
}

// orderBeforeMigration puts a task before the migration of then, also where
// only the second half of it is left to do.
func (e *engine) orderBeforeMigration(first *resource, task string, then *resource, flags orderFlags) {
	e.orderTasks(first, task, then, taskMigrateTo, flags)
	if then.migrateTo != nil {
		e.orderTasks(first, task, then, taskMigrateFrom, flags)
	}
}

// within reports whether r is outer or a part of it.
func within(r, outer *resource) bool {
	for ; r != nil; r = r.parent {
		if r == outer {
			return true
		}
	}
	return false
}
