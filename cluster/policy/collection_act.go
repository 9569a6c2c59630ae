package policy

import "github.com/belay-ha/belay/resources"

// actCollection makes the actions of a collection's members, and its own: the
// points before and after what all of them do.
func (e *engine) actCollection(r *resource) {
	switch r.variant {
	case Group:
		e.actGroup(r)
	case Clone:
		e.actClone(r)
	case Bundle:
		e.actBundle(r)
	}
}

func (e *engine) actGroup(r *resource) {
	for _, m := range r.members {
		e.actResource(m)
	}
	tasks := []string{taskStart, taskStarted, taskStop, taskStopped}
	if r.is(flagPromotable) || r.outermost().is(flagPromotable) {
		tasks = append(tasks, taskDemote, taskDemoted, taskPromote, taskPromoted)
	}
	for _, task := range tasks {
		e.newPseudo(r, task, true, true)
	}
}

func (e *engine) actClone(r *resource) {
	for _, m := range r.members {
		e.actResource(m)
	}
	e.actPoints(r, r.members)
	if !r.is(flagPromotable) {
		return
	}
	demoting, promoting := false, false
	for _, m := range r.members {
		m.primitives(func(p *resource) {
			demoting = demoting || hasRequired(p, taskDemote)
			promoting = promoting || hasRequired(p, taskPromote)
		})
	}
	promote, promoted := e.actPair(r, taskPromote, taskPromoted, !promoting)
	demote, demoted := e.actPair(r, taskDemote, taskDemoted, !demoting)
	e.noticePromotable(r, promote, promoted, demote, demoted)
}

func (e *engine) actBundle(r *resource) {
	if r.bndl == nil {
		return
	}
	for _, part := range r.bndl.replicas {
		for _, p := range []*resource{part.ip, part.container, part.connection} {
			if p != nil {
				e.actResource(p)
			}
		}
	}
	e.actPoints(r, r.replicaContainers())
	if child := r.bndl.child; child != nil {
		e.actResource(child)
		if child.is(flagPromotable) {
			e.actPair(r, taskPromote, taskPromoted, true)
			e.actPair(r, taskDemote, taskDemoted, true)
		}
	}
}

// actPair makes the points before and after one kind of action.
func (e *engine) actPair(r *resource, task, done string, optional bool) (before, after *action) {
	before = e.newPseudo(r, task, optional, true)
	after = e.newPseudo(r, done, optional, true)
	after.priority = int(resources.Infinity)
	return before, after
}

// doings is what happens to any of several instances.
type doings struct{ active, starting, stopping, restarting bool }

// actPoints makes the points around starts and stops of instances.
func (e *engine) actPoints(r *resource, instances []*resource) {
	var d doings
	for _, m := range instances {
		m.primitives(d.see)
	}
	start := e.newPseudo(r, taskStart, !d.starting, true)
	// Nothing follows the start of a clone of which no instance can run.
	started := e.newPseudo(r, taskStarted, !d.starting, d.active || d.starting)
	started.priority = int(resources.Infinity)
	stop, stopped := e.actPair(r, taskStop, taskStopped, !d.stopping)
	if !d.restarting {
		stop.set(actMigratable)
	}
	if r.variant == Clone {
		e.noticeClone(r, start, started, stop, stopped)
	}
}

func (d *doings) see(r *resource) {
	starting, stopping := false, false
	for _, a := range r.actions {
		switch {
		case a.is(actOptional):
		case a.task == taskStart && a.is(actRunnable):
			starting = true
		case a.task == taskStop && a.is(actPseudo|actRunnable):
			// A pseudo stop is implied by the fencing of its node.
			stopping = true
		}
	}
	d.active = d.active || len(r.runningOn) > 0
	d.starting = d.starting || starting
	d.stopping = d.stopping || stopping
	d.restarting = d.restarting || starting && stopping
}

// hasRequired reports whether the resource has an action with the task that is
// needed.
func hasRequired(r *resource, task string) bool {
	for _, a := range r.actions {
		if a.task == task && !a.is(actOptional) {
			return true
		}
	}
	return false
}
