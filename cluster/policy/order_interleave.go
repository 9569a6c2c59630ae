package policy

import "strings"

// instancesEffect treats an ordering of which the clone or bundle is a part:
// instance by instance on each node where it is interleaved, otherwise for all
// instances.
func (p *propagation) instancesEffect(first, then *action, n *node, flags, filter actionFlags, what orderFlags) changes {
	if interleaved(first, then) {
		return p.interleave(first, then, n, filter, what)
	}
	got := p.pairEffect(first, then, flags, filter, what)
	for _, m := range then.rsc.instances() {
		deed := m.deed(then.task, n)
		if deed == nil || p.e.effectiveFlags(deed, n)&actRunnable == 0 {
			continue
		}
		changed := p.effect(m, first, deed, n, flags, filter, what)
		if changed&thenChanged != 0 {
			for i := range deed.after {
				p.push(deed.after[i].action)
			}
		}
		got |= changed
	}
	return got
}

// interleaved reports whether each instance only waits for its neighbour. On
// the way down the first one's configuration decides, since it is the later one
// of the way up.
func interleaved(first, then *action) bool {
	if first.rsc == nil || first.rsc == then.rsc || first.rsc.variant < Clone || then.rsc.variant < Clone {
		return false
	}
	r := then.rsc
	if about(then, taskStop) || about(then, taskDemote) {
		r = first.rsc
	}
	return isTrue(r.meta["interleave"])
}

// about reports whether the action is a task, or marks a notification of it.
func about(a *action, task string) bool {
	return a.key == task || strings.HasSuffix(a.key, "_"+task)
}

// interleave orders each instance of then after its neighbour among first's.
func (p *propagation) interleave(first, then *action, n *node, filter actionFlags, what orderFlags) changes {
	var got changes
	task := instanceTask(first)
	goingDown := about(first, taskStopped) || about(first, taskDemoted)
	for _, inst := range then.rsc.instances() {
		other := p.neighbour(inst, first.rsc, goingDown)
		if other == nil {
			if !goingDown && what&(firstBlocksThen|firstImpliesThen) != 0 && p.unassign(inst) {
				got |= thenChanged
			}
			continue
		}
		firstDeed := instanceDeed(other, task, n, firstInside(first.task))
		if firstDeed == nil {
			continue
		}
		thenDeed := instanceDeed(inst, then.task, n, thenInside(then.task))
		if thenDeed == nil || thenDeed == firstDeed {
			continue
		}
		if p.e.orderActions(firstDeed, thenDeed, what) {
			got |= firstChanged | thenChanged
			p.push(thenDeed)
		}
		got |= p.effect(inst, firstDeed, thenDeed, n, p.e.effectiveFlags(firstDeed, n), filter, what)
	}
	return got
}

// unassign keeps an instance down that has no neighbour to depend on.
func (p *propagation) unassign(inst *resource) bool {
	if !p.e.finalAssign(inst, nil, true) {
		return false
	}
	inst.top().revision++
	inst.walk(func(r *resource) {
		for _, a := range r.deedsList() {
			p.pushAfter(a)
		}
	})
	return true
}

// neighbour finds an instance of other where inst is or will be; for one that
// is nowhere, where it would like best to be.
func (p *propagation) neighbour(inst, other *resource, now bool) *resource {
	if n, _ := inst.onlyNode(now); n != nil {
		return instanceOn(other, n, now)
	}
	var best *resource
	var bestNode *node
	for _, candidate := range other.instances() {
		n := usableInstanceNode(candidate, now)
		if n == nil || n.index >= len(inst.allowed) || !inst.allowed[n.index].in {
			continue
		}
		if best == nil || inst.allowed.score(n) > inst.allowed.score(bestNode) ||
			inst.allowed.score(n) == inst.allowed.score(bestNode) && n.index < bestNode.index {
			best, bestNode = candidate, n
		}
	}
	return best
}

func instanceOn(other *resource, n *node, now bool) *resource {
	for _, candidate := range other.instances() {
		if usableInstanceNode(candidate, now) == n {
			return candidate
		}
	}
	return nil
}

// usableInstanceNode is the node of an instance of which no part is blocked.
func usableInstanceNode(inst *resource, now bool) *node {
	n, _ := inst.onlyNode(now)
	if n == nil || inst.anyIs(flagBlocked) {
		return nil
	}
	return n
}

// anyIs reports whether the resource or a part of it has the flag.
func (r *resource) anyIs(f rscFlags) bool {
	if r.is(f) {
		return true
	}
	for _, m := range r.members {
		if m.anyIs(f) {
			return true
		}
	}
	return false
}

// firstInside: what waits for a bundle waits for the service inside, but for
// stops.
func firstInside(task string) bool { return task != taskStop && task != taskStopped }

// thenInside: only roles concern the service inside a bundle that waits.
func thenInside(task string) bool {
	switch task {
	case taskPromote, taskPromoted, taskDemote, taskDemoted:
		return true
	default:
		return false
	}
}

// instanceDeed is an instance's action, or that of the service inside.
func instanceDeed(inst *resource, task string, n *node, inside bool) *action {
	if inside {
		if service := inst.service(); service != nil {
			return service.deed(task, nil)
		}
	}
	return inst.deed(task, n)
}

// service is what runs inside a bundle's container, or nil.
func (r *resource) service() *resource {
	bundle := r.parent
	if bundle == nil || bundle.bndl == nil {
		return nil
	}
	for _, rep := range bundle.bndl.replicas {
		if rep != nil && rep.container == r {
			return rep.child
		}
	}
	return nil
}
