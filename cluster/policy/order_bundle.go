package policy

// orderBundle orders the parts of a bundle's replicas, and the bundle's points
// around them and around those of the clone inside.
func (e *engine) orderBundle(r *resource) {
	if r.bndl == nil {
		return
	}
	for _, part := range r.bndl.replicas {
		e.orderReplica(r, part)
	}
	child := r.bndl.child
	if child == nil {
		return
	}
	e.orderTasks(r, taskStart, child, taskStart, thenImpliesFirstGraphed)
	e.orderTasks(child, taskStarted, r, taskStarted, firstImpliesThenGraphed)
	e.orderTasks(r, taskStop, child, taskStop, thenImpliesFirstGraphed)
	e.orderTasks(child, taskStopped, r, taskStopped, firstImpliesThenGraphed)
	e.orderWithin(child)
	if !child.is(flagPromotable) {
		return
	}
	e.orderPromotionPoints(r)
	e.orderTasks(r, taskDemote, child, taskDemote, thenImpliesFirstGraphed)
	e.orderTasks(child, taskDemoted, r, taskDemoted, firstImpliesThenGraphed)
	e.orderTasks(r, taskPromote, child, taskPromote, thenImpliesFirstGraphed)
	e.orderTasks(child, taskPromoted, r, taskPromoted, firstImpliesThenGraphed)
}

// orderReplica orders one replica: address, container, connection. That the
// connection follows the container, and what runs inside the connection, is
// true of all guests and not said here.
func (e *engine) orderReplica(r *resource, part *replica) {
	container := part.container
	if container == nil {
		return
	}
	e.orderWithin(container)
	e.orderTasks(r, taskStart, container, taskStart, firstBlocksThen|thenImpliesFirstGraphed)
	if part.child != nil {
		e.orderTasks(r, taskStop, part.child, taskStop, thenImpliesFirstGraphed)
	}
	e.orderTasks(r, taskStop, container, taskStop, thenImpliesFirstGraphed)
	e.orderTasks(container, taskStart, r, taskStarted, firstImpliesThenGraphed)
	e.orderTasks(container, taskStop, r, taskStopped, firstImpliesThenGraphed)

	if part.ip != nil {
		e.orderWithin(part.ip)
		e.orderTasks(part.ip, taskStart, container, taskStart, firstBlocksThen|guestOrder)
		e.orderTasks(container, taskStop, part.ip, taskStop, thenImpliesFirst|guestOrder)
	}
	if part.connection != nil {
		e.orderWithin(part.connection)
	}
}
