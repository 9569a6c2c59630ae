package policy

import "github.com/belay-ha/belay/resources"

// blockDependents keeps down what must be with a resource that cannot come up:
// when no instance of it can do what the action would do.
func (p *propagation) blockDependents(a *action) {
	if a.is(actRunnable) || a.rsc == nil || a.task != taskStart && a.task != taskPromote {
		return
	}
	r := a.rsc.outermost()
	if r.parent != nil {
		r = r.parent // the bundle
	}
	for _, m := range r.members {
		if deed := m.deed(a.task, nil); deed == nil || deed.is(actRunnable) {
			return
		}
	}
	_, dependents := p.e.colocationsOf(r)
	for _, c := range dependents {
		if c.score < resources.Infinity || a.task == taskPromote && c.primaryRole != RolePromoted {
			continue
		}
		if c.dependentRole == RolePromoted {
			p.block(c.dependent, taskPromote, a.rsc)
		} else {
			p.block(c.dependent, taskStart, a.rsc)
		}
	}
}

// block forbids a task of a resource and of its parts because of another
// resource.
func (p *propagation) block(r *resource, task string, cause *resource) {
	list := r.deedsList()
	for i := len(list) - 1; i >= 0; i-- {
		a := list[i]
		if a.task != task || !a.is(actRunnable) {
			continue
		}
		a.unset(actRunnable)
		touch(a)
		a.setReason("colocation with " + cause.id)
		p.blockDependents(a)
		p.pushAfter(a)
	}
	for _, m := range r.members {
		p.block(m, task, cause)
	}
}
