package policy

// propagation brings the actions to the state in which every ordering holds:
// what is needed makes other actions needed, what cannot happen makes others
// impossible. Actions to look at again wait on a stack; none waits twice.
type propagation struct {
	e     *engine
	stack []*action
	left  int // looks that are left, a bound on what cannot happen
	depth int // looks that have begun and not ended
}

// maxDepth bounds how deep a change is followed at once; beyond, it waits.
const maxDepth = 2000

// changes says which side of an ordering has changed.
type changes uint8

const (
	firstChanged changes = 1 << iota
	thenChanged
)

func newPropagation(e *engine) *propagation {
	return &propagation{e: e, left: 1000*len(e.actions) + 100_000}
}

// all looks at all actions, the latest made first, until nothing changes.
func (p *propagation) all() {
	p.run()
	e := p.e
	for i := len(e.actions) - 1; i >= 0; i-- {
		p.push(e.actions[i])
		p.run()
	}
}

func (p *propagation) push(a *action) {
	if !a.is(actQueued) {
		a.set(actQueued)
		p.stack = append(p.stack, a)
	}
}

// pushAfter puts an action and what comes after it on the stack, the action on
// top.
func (p *propagation) pushAfter(a *action) {
	for i := range a.after {
		p.push(a.after[i].action)
	}
	p.push(a)
}

func (p *propagation) run() { p.runDownTo(0) }

// runDownTo looks at what has been put on the stack since it had a height.
func (p *propagation) runDownTo(height int) {
	for len(p.stack) > height && p.left > 0 {
		p.left--
		a := p.stack[len(p.stack)-1]
		p.stack = p.stack[:len(p.stack)-1]
		a.unset(actQueued)
		p.depth++
		p.look(a)
		p.depth--
	}
}

// followFirst looks at once at what follows from an earlier action that has
// changed, so that a person is told the nearest cause.
func (p *propagation) followFirst(first *action) {
	height := len(p.stack)
	p.push(first)
	for i := range first.after {
		p.push(first.after[i].action)
	}
	if p.depth < maxDepth {
		p.runDownTo(height)
	}
}

// look applies the orderings in which the action comes later.
func (p *propagation) look(then *action) {
	before := then.flags
	counting := then.is(actMinRunnable)
	if counting {
		then.runnable = 0
		then.required = max(then.required, 1)
		then.unset(actRunnable)
	}
	changed := false
	for i := len(then.before) - 1; i >= 0; i-- {
		got := p.relate(then, i)
		if got&thenChanged != 0 {
			changed = true
		}
		if got&firstChanged != 0 {
			p.followFirst(p.meant(then.before[i].action, then))
		}
	}
	if counting {
		changed = (before^then.flags)&(actRunnable|actOptional) != 0
		if changed {
			touch(then)
		}
	}
	if !changed {
		return
	}
	if before&actRunnable != 0 && !then.is(actRunnable) {
		p.blockDependents(then)
	}
	p.pushAfter(then)
}

// relate applies one ordering.
func (p *propagation) relate(then *action, i int) changes {
	rel := &then.before[i]
	if rel.flags == 0 {
		return 0
	}
	asked := rel.action
	firstNode, thenNode := orderingNode(asked), orderingNode(then)
	if rel.flags&ifSameNode != 0 && firstNode != nil && thenNode != nil && firstNode != thenNode {
		rel.flags = 0
		return 0
	}
	if rel.flags&thenCancelsFirst != 0 && asked.rsc != nil && !then.is(actOptional) {
		if !asked.is(actOptional) {
			asked.set(actOptional)
			touch(asked)
		}
		if asked.task == taskReload {
			asked.rsc.unset(flagReload)
		}
	}
	first := p.meant(asked, then)
	if first != asked {
		// It is the end of the collection's task that counts.
		if p.e.orderActions(first, then, rel.flags) {
			then.before[i].flags = 0
			return thenChanged
		}
		return 0
	}
	firstFlags := p.e.orderingFlags(first, thenNode)
	thenFlags := p.e.orderingFlags(then, firstNode)
	return p.apply(first, then, i, firstFlags, thenFlags)
}

// orderingNode is where an action counts as being: a group's start is where its
// members go.
func orderingNode(a *action) *node {
	if a.rsc != nil && a.rsc.variant == Group && a.task == taskStart {
		if n, _ := a.rsc.onlyNode(false); n != nil {
			return n
		}
	}
	return a.node
}

// onlyNode is the one node where the resource and all its members are now, or
// will be; nil if there is none or several.
func (r *resource) onlyNode(now bool) (one *node, several bool) {
	if len(r.members) > 0 {
		for _, m := range r.members {
			n, more := m.onlyNode(now)
			if more || n != nil && one != nil && n != one {
				return nil, true
			}
			if n != nil {
				one = n
			}
		}
		return one, false
	}
	switch {
	case !now:
		return r.assigned, false
	case len(r.runningOn) == 1:
		return r.runningOn[0], false
	default:
		return nil, len(r.runningOn) > 1
	}
}

// meant is the action that an ordering is really about: what waits for a task
// of a collection waits for its end, and for the notifications of it.
func (p *propagation) meant(first, then *action) *action {
	r := first.rsc
	if r == nil || r.variant == Primitive || then.rsc == nil || r == then.rsc || within(then.rsc, r) ||
		first.interval > 0 || first.notify != nil || first.task == taskNotify || first.task == taskNotified {
		return first
	}
	task := doneTask(first.task)
	if task == "" {
		return first
	}
	var end *action
	if r.variant >= Clone && r.is(flagNotify) {
		// A bundle has no such point: those that wait for it do not wait for the
		// end, as the clone inside does the notifying.
		end = r.keyed("confirmed-post_notify_" + task)
	} else {
		end = r.keyed(task)
	}
	if end == nil {
		return first
	}
	return end
}

// keyed is the resource's latest made action that is known as task.
func (r *resource) keyed(task string) *action {
	list := r.deedsList()
	for i := len(list) - 1; i >= 0; i-- {
		if a := list[i]; a.key == task && a.interval == 0 {
			return a
		}
	}
	return nil
}
