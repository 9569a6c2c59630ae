package policy

import "github.com/belay-ha/belay/resources"

// notifyClone makes the notifications that a clone's instances get, once it is
// known what is required and can run.
func (e *engine) notifyClone(r *resource) {
	if r.clone == nil {
		return
	}
	c := r.clone
	for _, n := range []*notice{c.startNotice, c.stopNotice, c.promoteNotice, c.demoteNotice} {
		if n == nil {
			continue
		}
		r.primitives(n.see)
		if n.needed() {
			for _, point := range []*action{n.pre, n.preDone, n.post, n.postDone} {
				if point != nil {
					point.unset(actOptional)
				}
			}
		}
		r.primitives(func(p *resource) { e.notifyInstance(p, n) })
	}
}

// notifyAfterFencing makes the notifications of a stop that a fencing implies:
// they follow the fencing, since the stop itself never happens.
func (e *engine) notifyAfterFencing(stop *action, r *resource, fence *action) {
	if !r.is(flagNotify) || fence == nil {
		return
	}
	n := e.newNotice(r, taskStop, nil, fence)
	r.outermost().primitives(func(p *resource) { e.notifyInstance(p, n) })
}

// see collects which kinds of operations happen to an instance.
func (n *notice) see(r *resource) {
	for _, a := range r.actions {
		if a.is(actOptional) || a.node == nil {
			continue
		}
		if !a.is(actRunnable) && (a.task != taskStop || !a.node.unclean) {
			continue
		}
		switch a.task {
		case taskStart:
			n.starts = true
		case taskStop:
			n.stops = true
		case taskPromote:
			n.promotes = true
		case taskDemote:
			n.demotes = true
		}
	}
}

// needed reports whether any instance does what the notice is about.
func (n *notice) needed() bool {
	switch n.task {
	case taskStart:
		return n.starts
	case taskStop:
		return n.stops
	case taskPromote:
		return n.promotes
	default:
		return n.demotes
	}
}

// notifyInstance makes the notifications that one instance gets.
func (e *engine) notifyInstance(r *resource, n *notice) {
	// A stop may be implied by a fencing, so its notifications are always made.
	if n.task != taskStop && !n.needed() {
		return
	}
	if n.task == taskStop || n.task == taskDemote {
		if r.role != RoleStopped {
			e.notifyDown(r, n)
		}
	} else if r.nextRole != RoleStopped {
		e.notifyUp(r, n)
	}
}

// notifyDown tells an active instance of stops and demotions. One that stops
// itself hears of stops only before.
func (e *engine) notifyDown(r *resource, n *notice) {
	stop := e.firstAction(r, taskStop, nil)
	for _, at := range r.runningOn {
		if stop != nil && stop.is(actPseudo) && (at.unclean || at.resetNeeded) {
			continue // it will be fenced, nobody listens
		}
		e.sendNotice(r, at, n.pre, n.preDone)
		if n.task == taskDemote || stop == nil || stop.is(actOptional) {
			e.sendPost(r, at, n)
		}
	}
}

// notifyUp tells an instance of starts and promotions. One that starts itself
// hears of starts only after.
func (e *engine) notifyUp(r *resource, n *notice) {
	start := e.firstAction(r, taskStart, nil)
	if start != nil && start.node != nil && start.node.connection != nil {
		reach := e.firstAction(start.node.connection, taskStart, nil)
		if reach != nil && !reach.is(actRunnable) {
			return
		}
	}
	if r.assigned == nil {
		return
	}
	if n.task != taskStart || start == nil || start.is(actOptional) {
		e.sendNotice(r, r.assigned, n.pre, n.preDone)
	}
	e.sendPost(r, r.assigned, n)
}

// sendPost notifies after the operation; recurring monitors begin only then.
func (e *engine) sendPost(r *resource, at *node, n *notice) {
	if a := e.sendNotice(r, at, n.post, n.postDone); a != nil {
		a.priority = int(resources.Infinity)
	}
	if n.postDone == nil {
		return
	}
	for _, a := range r.actions {
		if a.interval > 0 && a.task != taskCancel {
			e.orderActions(n.postDone, a, orderPlain)
		}
	}
}

// sendNotice makes one notification between two points.
func (e *engine) sendNotice(r *resource, at *node, point, done *action) *action {
	if point == nil || done == nil || !at.online || !point.is(actRunnable) {
		return nil
	}
	key := point.notify.kind + "_notify_" + point.notify.operation
	a := e.newKeyedAction(r, key, taskNotify, 0, at, point.is(actOptional))
	a.notify = point.notify
	e.orderActions(point, a, orderPlain)
	e.orderActions(a, done, orderPlain)
	return a
}
