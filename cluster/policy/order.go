package policy

// orderTasks orders all actions of first with firstTask before all actions of
// then with thenTask. It may be called before there are any such actions.
func (e *engine) orderTasks(first *resource, firstTask string, then *resource, thenTask string, flags orderFlags) {
	if first == nil || then == nil || first == then && firstTask == thenTask {
		return
	}
	e.addOrdering(ordering{
		firstRsc: first, firstTask: firstTask,
		thenRsc: then, thenTask: thenTask,
		flags: flags,
	})
}

// addOrdering asks for an ordering. A side that is an action needs no resource
// and no task.
func (e *engine) addOrdering(o ordering) {
	if o.flags == 0 || o.first == nil && o.firstRsc == nil || o.then == nil && o.thenRsc == nil {
		return
	}
	if o.first != nil {
		o.firstRsc, o.firstTask, o.firstInterval = o.first.rsc, o.first.task, o.first.interval
	}
	if o.then != nil {
		o.thenRsc, o.thenTask, o.thenInterval = o.then.rsc, o.then.task, o.then.interval
	}
	o.id = len(e.orderings)
	e.orderings = append(e.orderings, o)
	e.orderMigrations(&o)
}

// allocateRelation returns an empty list with room for one: before most actions of
// a large cluster, probes, one other comes.
func (e *engine) allocateRelation() []relation {
	if len(e.spareRelations) == 0 {
		e.spareRelations = make([]relation, max(16, min(len(e.actions), 1024)))
	}
	list := e.spareRelations[:0:1]
	e.spareRelations = e.spareRelations[1:]
	return list
}

// orderActions orders two actions at once. Repeating what an ordering between
// them says already changes nothing; it reports whether it did.
func (e *engine) orderActions(first, then *action, flags orderFlags) bool {
	if first == nil || then == nil || first == then || flags == 0 {
		return false
	}
	// Both lists hold every ordering of the two: read the shorter.
	list, other := first.after, then
	if len(then.before) < len(list) {
		list, other = then.before, first
	}
	for i := range list {
		if list[i].action == other && list[i].flags&flags != 0 {
			return false
		}
	}
	if first.after == nil {
		first.after = e.allocateRelation()
	}
	first.after = append(first.after, relation{action: then, flags: flags})
	then.before = append(then.before, relation{action: first, flags: flags})
	return true
}
