package policy

import (
	"time"

	"github.com/belay-ha/belay/resources"
)

// anyInterval makes findActions compare tasks only.
const anyInterval time.Duration = -1

// newAction returns the resource's action with the task and interval on the
// node, making it if there is none. An action that was asked for once without
// optional stays required. A nil node gives an action that cannot run, to be
// bound by the first request that names one.
func (e *engine) newAction(r *resource, task string, interval time.Duration, n *node, optional bool) *action {
	return e.newKeyedAction(r, task, task, interval, n, optional)
}

// newKeyedAction is newAction for actions that are not found by their task: the
// notifications before and after each operation, and cancels.
func (e *engine) newKeyedAction(r *resource, key, task string, interval time.Duration, n *node, optional bool) *action {
	if r == nil {
		return e.singleton(key, task, n, optional)
	}
	a := findExisting(r.actions, key, interval, n)
	if a == nil {
		return e.makeAction(r, key, task, interval, n, optional)
	}
	e.updateOptional(a, optional)
	e.updateRunnable(a)
	return a
}

// makeAction makes an action that is known not to be there yet.
func (e *engine) makeAction(r *resource, key, task string, interval time.Duration, n *node, optional bool) *action {
	a := e.allocateActionOf(r)
	a.rsc, a.key, a.task, a.interval, a.node = r, key, task, interval, n
	a.set(actRunnable)
	if optional {
		a.set(actOptional)
	}
	if task == taskClearLock {
		a.set(actOnDC)
	}
	a.needs = needsOf(r, task)
	r.actions = append(r.actions, a)
	e.updateOptional(a, optional)
	e.updateRunnable(a)
	return a
}

// newPseudo returns a pseudo-action of the resource: a point in the order. It
// may have no resource; then the task names it alone.
func (e *engine) newPseudo(r *resource, task string, optional, runnable bool) *action {
	return e.newKeyedPseudo(r, task, task, optional, runnable)
}

// newKeyedPseudo is newPseudo for those that are not found by their task.
func (e *engine) newKeyedPseudo(r *resource, key, task string, optional, runnable bool) *action {
	a := e.newKeyedAction(r, key, task, 0, nil, optional)
	a.set(actPseudo)
	if runnable {
		a.set(actRunnable)
	}
	return a
}

// singleton returns the action of no resource with the key, on the node or on
// none.
func (e *engine) singleton(key, task string, n *node, optional bool) *action {
	a := e.findSingleton(key, n)
	if a == nil {
		a = e.allocateAction()
		a.key, a.task, a.node = key, task, n
		a.set(actRunnable | actOptional)
		if n != nil {
			n.actions = append(n.actions, a)
		} else {
			if e.singletons == nil {
				e.singletons = map[string]*action{}
			}
			e.singletons[key] = a
		}
	}
	if !optional {
		a.unset(actOptional)
	}
	return a
}

func (e *engine) findSingleton(key string, n *node) *action {
	if n == nil {
		return e.singletons[key]
	}
	return findExisting(n.actions, key, 0, n)
}

// allocateAction numbers a new action. Actions are allocated in blocks: a large
// cluster has hundreds of thousands.
func (e *engine) allocateAction() *action {
	if len(e.spare) == 0 {
		e.spare = make([]action, max(16, min(len(e.actions), 1024)))
	}
	a := &e.spare[0]
	e.spare = e.spare[1:]
	return e.number(a)
}

// allocateActionOf takes what was allocated for the resource alone, if anything.
func (e *engine) allocateActionOf(r *resource) *action {
	if len(r.spare) == 0 {
		return e.allocateAction()
	}
	a := &r.spare[0]
	r.spare = r.spare[1:]
	return e.number(a)
}

func (e *engine) number(a *action) *action {
	a.id = len(e.actions)
	e.actions = append(e.actions, a)
	return a
}

// findExisting finds one action and binds it if it had no node.
func findExisting(list []*action, key string, interval time.Duration, n *node) *action {
	for i := len(list) - 1; i >= 0; i-- {
		a := list[i]
		if a.interval != interval || a.key != key {
			continue
		}
		if n == nil || a.node == n {
			return a
		}
		if a.node == nil {
			a.node = n
			return a
		}
	}
	return nil
}

// findActions returns the resource's actions with the task, oldest first:
// all of any interval for anyInterval, all on any node for a nil one. A nil
// resource finds node actions. Actions without a node are bound to it, unless
// they mark points.
func (e *engine) findActions(r *resource, task string, interval time.Duration, n *node) []*action {
	var list []*action
	switch {
	case r != nil:
		list = r.actions
	case n != nil:
		list = n.actions
	}
	var found []*action
	for _, a := range list {
		if interval == anyInterval {
			if a.task != task {
				continue
			}
		} else if a.interval != interval || a.key != task {
			continue
		}
		if n != nil && a.node == nil && !a.is(actPseudo) {
			a.node = n
		}
		if n == nil || a.node == n {
			found = append(found, a)
		}
	}
	return found
}

// firstAction is the latest made action of the resource with the task, or nil.
func (e *engine) firstAction(r *resource, task string, n *node) *action {
	for i := len(r.actions) - 1; i >= 0; i-- {
		if a := r.actions[i]; a.task == task && (n == nil || a.node == n) {
			return a
		}
	}
	return nil
}

// needsOf says what an action needs before it may run: only what makes a
// resource more active needs anything.
func needsOf(r *resource, task string) requirement {
	switch {
	case task != taskStart && task != taskPromote:
		return requiresNothing
	case r.is(flagNeedsFencing):
		return requiresFencing
	case r.is(flagNeedsQuorum):
		return requiresQuorum
	default:
		return requiresNothing
	}
}

// updateOptional makes the action required if that is asked for. What would
// change a resource that is not managed never becomes required.
func (e *engine) updateOptional(a *action, optional bool) {
	if a.node != nil && !a.is(actPseudo) && a.interval == 0 && !a.rsc.is(flagManaged) {
		a.set(actOptional)
	} else if !optional {
		a.unset(actOptional)
	}
}

// updateRunnable decides whether the state of the node and quorum let the
// action happen. A stop that cannot run for its node makes the node be fenced.
func (e *engine) updateRunnable(a *action) {
	n := a.node
	switch {
	case a.is(actPseudo):
	case n == nil:
		a.unset(actRunnable)
	case !a.is(actOnDC) && !n.online && (!n.guest() || n.resetNeeded):
		a.unset(actRunnable)
		if a.rsc.is(flagManaged) && a.task == taskStop && !n.unclean {
			e.fenceNode(n, "stop is unrunnable", false)
		}
	case !a.is(actOnDC) && n.pending:
		a.unset(actRunnable)
	case a.needs == requiresNothing:
		a.reason = ""
		// What is on a guest cannot be carried out while its host is unclean and
		// stays so.
		if n.guest() && !e.canFence(n) {
			a.unset(actRunnable)
		} else {
			a.set(actRunnable)
		}
	default:
		e.updateQuorate(a)
	}
}

// updateQuorate applies no-quorum-policy to an action that needs quorum.
func (e *engine) updateQuorate(a *action) {
	switch e.quorumPolicyFor(a.rsc) {
	case quorumStop:
		a.unset(actRunnable)
		a.reason = "no quorum"
	case quorumFreeze:
		if !a.rsc.active(true) || a.rsc.nextRole > a.rsc.role {
			a.unset(actRunnable)
			a.reason = "quorum freeze"
		}
	default:
		a.set(actRunnable)
	}
}

// quorumPolicyFor is the policy in force for the resource: demoting is a stop
// for what cannot be demoted.
func (e *engine) quorumPolicyFor(r *resource) quorumPolicy {
	switch {
	case e.in.Quorum:
		return quorumIgnore
	case e.opt.noQuorum != quorumDemote:
		return e.opt.noQuorum
	case r.role == RolePromoted || r.role == RoleUnpromoted:
		if r.nextRole > RoleUnpromoted {
			e.setNextRole(r, RoleUnpromoted, "no-quorum-policy=demote")
		}
		return quorumIgnore
	default:
		return quorumStop
	}
}

// active reports whether the resource runs on a node that can be asked, or that
// is about to be fenced. Of a collection: any member, or all of them.
func (r *resource) active(all bool) bool {
	if r.variant != Primitive {
		for _, m := range r.members {
			if m.active(all) != all {
				return !all
			}
		}
		return all
	}
	for _, n := range r.runningOn {
		if n.unclean || n.online || !r.is(flagManaged) {
			return true
		}
	}
	return false
}

// setReason says why an action is needed; the first reason stays.
func (a *action) setReason(reason string) {
	if a.reason == "" {
		a.reason = reason
	}
}

func (e *engine) startAction(r *resource, n *node, optional bool) *action {
	return e.newAction(r, taskStart, 0, n, optional)
}

func (e *engine) stopAction(r *resource, n *node, optional bool) *action {
	return e.newAction(r, taskStop, 0, n, optional)
}

func (e *engine) promoteAction(r *resource, n *node, optional bool) *action {
	return e.newAction(r, taskPromote, 0, n, optional)
}

func (e *engine) demoteAction(r *resource, n *node, optional bool) *action {
	return e.newAction(r, taskDemote, 0, n, optional)
}

// clearFailures forgets the resource's failures on the node.
func (e *engine) clearFailures(r *resource, n *node, reason string) *action {
	a := e.newAction(r, taskClearFailures, 0, n, false)
	a.setReason(reason)
	return a
}

// fenceAction returns the action that fences the node (off, reboot; "" for the
// cluster's) or unfences it (on). It becomes required only if the node can be
// fenced. With priorityDelay the cluster's priority delay may apply to it.
func (e *engine) fenceAction(n *node, op string, optional bool, reason string, priorityDelay bool) *action {
	if op == "" {
		op = e.opt.fencingAction
	}
	key := fenceKey(op)
	a := e.findSingleton(key, n)
	if a == nil {
		a = e.singleton(key, taskFence, n, true)
		a.fenceOp = op
		if op != fenceOn {
			n.fence = a
		}
		if e.haveUnfencing && e.fenceParamsChanged(a) {
			optional = false
		}
	}
	if e.opt.priorityFencingDelay > 0 && (priorityDelay || a.is(actPriorityDelay)) {
		a.set(actPriorityDelay)
		a.delay = e.priorityDelay(n)
	}
	if !optional && e.canFence(n) {
		a.unset(actOptional)
	}
	a.setReason(reason)
	return a
}

// fenceOn is the fencing operation that lets a node in again.
const fenceOn = "on"

func fenceKey(op string) string { return taskFence + "-" + op }

// priorityDelay is how long the fencing of a lost member waits so that the more
// important side of a split survives.
func (e *engine) priorityDelay(n *node) time.Duration {
	if n.kind != KindMember || n.online {
		return 0
	}
	members, online := 0, 0
	var top, lowest resources.Score
	for _, m := range e.nodes {
		if m.kind != KindMember {
			continue
		}
		if members == 0 {
			top, lowest = m.priority, m.priority
		}
		members++
		if m.online {
			online++
		}
		top, lowest = max(top, m.priority), min(lowest, m.priority)
	}
	if online > members/2 || lowest == top || n.priority < top {
		return 0
	}
	return e.opt.priorityFencingDelay
}
