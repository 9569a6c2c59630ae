package policy

// orderClone puts the points of a clone around the actions of its instances.
func (e *engine) orderClone(r *resource) {
	e.orderTasks(r, taskStopped, r, taskStart, orderPlain)
	e.orderTasks(r, taskStart, r, taskStarted, firstBlocksThen)
	e.orderTasks(r, taskStop, r, taskStopped, firstBlocksThen)
	promotable := r.is(flagPromotable)
	if promotable {
		e.orderTasks(r, taskDemoted, r, taskStop, orderPlain)
		e.orderTasks(r, taskStarted, r, taskPromote, firstBlocksThen)
	}
	ordered := r.clone != nil && r.clone.ordered
	if ordered {
		sortByNumber(r.members)
	}
	for i, m := range r.members {
		e.orderWithin(m)
		e.orderTasks(r, taskStart, m, taskStart, firstBlocksThen|thenImpliesFirstGraphed)
		e.orderTasks(m, taskStart, r, taskStarted, firstImpliesThenGraphed)
		e.orderTasks(r, taskStop, m, taskStop, thenImpliesFirstGraphed)
		e.orderTasks(m, taskStop, r, taskStopped, firstImpliesThenGraphed)
		if !ordered {
			continue
		}
		// Any of the instances may have nothing to do, so each is ordered with all
		// later ones rather than with the next.
		for _, later := range r.members[i+1:] {
			e.orderTasks(m, taskStart, later, taskStart, orderPlain)
			e.orderTasks(later, taskStop, m, taskStop, orderPlain)
		}
	}
	if promotable {
		e.orderPromotable(r)
	}
}
