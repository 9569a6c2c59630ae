package policy

// orderPromotable orders promotions and demotions of a promotable clone's
// instances.
func (e *engine) orderPromotable(r *resource) {
	e.orderPromotionPoints(r)
	ordered := r.clone != nil && r.clone.ordered
	var previous *resource
	for _, m := range r.members {
		e.orderTasks(m, taskDemote, m, taskPromote, orderPlain)

		e.orderTasks(r, taskPromote, m, taskPromote, orderPlain)
		e.orderTasks(m, taskPromote, r, taskPromoted, orderPlain)
		e.orderTasks(r, taskDemote, m, taskDemote, thenImpliesFirstGraphed)
		e.orderTasks(m, taskDemote, r, taskDemoted, firstImpliesThenGraphed)
		if previous != nil && ordered {
			e.orderTasks(previous, taskPromote, m, taskPromote, orderPlain)
			e.orderTasks(m, taskDemote, previous, taskDemote, orderPlain)
		}
		previous = m
	}
}

// orderPromotionPoints puts the points of a promotable collection in a row: all
// are demoted, then stopped, then started, then promoted.
func (e *engine) orderPromotionPoints(r *resource) {
	e.orderTasks(r, taskStopped, r, taskStart, orderPlain)
	e.orderTasks(r, taskStopped, r, taskPromote, orderPlain)
	e.orderTasks(r, taskDemoted, r, taskStop, orderPlain)
	e.orderTasks(r, taskDemoted, r, taskStart, orderPlain)
	e.orderTasks(r, taskDemoted, r, taskPromote, orderPlain)
	e.orderTasks(r, taskStarted, r, taskPromote, orderPlain)
	e.orderTasks(r, taskDemote, r, taskDemoted, orderPlain)
}
