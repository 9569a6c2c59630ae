package policy

import (
	"slices"
	"time"
)

// deferredCheck is a check of parameters that waits until resources have been
// assigned.
type deferredCheck struct {
	rsc         *resource
	node        *node
	op          *HistoryOp
	lastFailure bool // only whether the failure is still of interest
}

// deferCheck remembers a check of parameters that depend on the assignment.
func (e *engine) deferCheck(r *resource, n *node, op *HistoryOp, lastFailure bool) {
	e.deferred = append(e.deferred, deferredCheck{r, n, op, lastFailure})
}

func (e *engine) runDeferredChecks() {
	for _, c := range e.deferred {
		if c.lastFailure {
			switch e.paramChange(c.rsc, c.node, c.op) {
			case changeMild, changeRestart, changePrivate:
				e.clearFailures(c.rsc, c.node, "resource parameters have changed")
			}
			continue
		}
		if e.checkOperation(c.rsc, c.node, c.op) {
			e.clearChangedFailures(c.rsc, c.node)
		}
	}
	e.deferred = nil
}

// checkDigests looks in the histories of all nodes for operations that ran with
// other parameters than the configured ones, for those that are not configured
// any more, and for what is left of removed resources.
func (e *engine) checkDigests() {
	for i := range e.in.Status {
		s := &e.in.Status[i]
		n := e.statusNode(s)
		if n == nil || !n.maintenance && !n.usable() {
			continue
		}
		for j := range s.History {
			h := &s.History[j]
			if len(h.Ops) == 0 {
				continue
			}
			e.eachWith(j, h.Resource, func(r *resource) { e.checkHistory(r, n, h) })
		}
	}
}

// eachWith calls do for the primitives that a history with the id may belong to:
// the one with that id, and all instances of an anonymous clone whose operations
// were recorded with it on any node.
func (e *engine) eachWith(place int, id string, do func(*resource)) {
	found := e.findAt(place, id)
	own := found.r
	if own != nil && own.variant == Primitive {
		do(own)
	}
	if found.clone != nil {
		found.clone.primitives(func(m *resource) {
			if m != own && m.historyID == id {
				do(m)
			}
		})
	}
}

// checkHistory checks what is recorded of a resource on a node.
func (e *engine) checkHistory(r *resource, n *node, h *ResourceHistory) {
	if r.is(flagRemoved) {
		if top := r.collection(); top.variant != Clone || top.is(flagUnique) {
			e.cleanUp(r, n, false)
		}
		return
	}
	active := r.activeOn(n)
	if e.agentChanged(r, n, h, active) {
		e.cleanUp(r, n, false)
	}
	if !active {
		return
	}
	ops := e.history(r, n)
	start, stop := activeSpan(ops)
	if start < stop {
		return // stopped since
	}
	first := max(0, start)
	for i := first; i < len(ops); i++ {
		op := &ops[i]
		if op.RestartDigest == spoiledDigest && hasOperation(ops[first:i], op) {
			whole := *op
			whole.RestartDigest, op = "", &whole
		}
		switch {
		case op.Interval > 0 && (r.is(flagMaintenance) || n.maintenance):
			e.cancelAfterStop(r, op.Op, op.Interval, n)
		case op.Interval == 0 && !startLike(op.Op):
		case e.addressIsHost(r):
			e.deferCheck(r, n, op, false)
		case e.checkOperation(r, n, op):
			e.clearChangedFailures(r, n)
		}
	}
}

// hasOperation reports whether the operation is recorded in ops as well, without
// a digest of what calls for a restart. What is compared is found out once for
// each operation, by the first record: as in Pacemaker, a failure that expired
// then does not make a monitor start anew which went well before it.
func hasOperation(ops []HistoryOp, op *HistoryOp) bool {
	return slices.ContainsFunc(ops, func(other HistoryOp) bool {
		return other.Op == op.Op && other.Interval == op.Interval && other.RestartDigest == ""
	})
}

// startLike names the operations that ran with the parameters in force.
func startLike(task string) bool {
	switch task {
	case taskMonitor, taskStart, taskPromote, taskMigrateFrom:
		return true
	default:
		return false
	}
}

// clearChangedFailures forgets failures of an operation that will be tried with
// other parameters.
func (e *engine) clearChangedFailures(r *resource, n *node) {
	if count, _ := e.failures(r, n); count != 0 {
		e.clearFailures(r, n, "action definition changed")
	}
}

// agentChanged reports whether the resource has another agent than it ran with;
// then it is restarted, even if a reload would do for its parameters.
func (e *engine) agentChanged(r *resource, n *node, h *ResourceHistory, active bool) bool {
	c := r.config
	if c == nil || c.Class == h.Class && c.Provider == h.Provider && c.Type == h.Type {
		return false
	}
	e.unfenceForChange(r, n, "Device definition changed")
	if active {
		e.stopAction(r, n, false)
		r.set(flagStartPending)
	}
	return true
}

// checkOperation makes what a change of the operation's definition calls for:
// a cancel, a rescheduling, a reload or a restart. It reports whether the
// definition changed.
func (e *engine) checkOperation(r *resource, n *node, op *HistoryOp) bool {
	task := op.Op
	if op.Interval > 0 {
		if c := e.opConfig(r, task, op.Interval); c == nil || !c.enabled() {
			if e.opt.cancelRemoved {
				e.cancelAfterStop(r, task, op.Interval, n)
			}
			return true
		}
	} else if startLike(task) {
		task = taskStart // these are compared with what the resource was started with
	}
	switch e.paramChange(r, n, op) {
	case changeRestart:
		e.forceRestart(r, n, task, op.Interval)
	case changeMild, changeUnknown:
		switch {
		case op.Interval > 0:
			e.reschedule(r, task, op.Interval, n)
		case op.RestartDigest != "":
			e.unfenceForChange(r, n, "Device parameters changed (reload)")
			e.reload(r, n)
		default:
			e.forceRestart(r, n, task, 0)
		}
	default:
		return false
	}
	return true
}

// forceRestart makes a start necessary wherever it will be, and so the stop that
// comes before it.
func (e *engine) forceRestart(r *resource, n *node, task string, interval time.Duration) {
	a := e.newAction(r, task, interval, nil, false)
	a.reason = "resource definition change"
	e.unfenceForChange(r, n, "Device parameters changed")
}

// reload brings changed parameters into force without a restart.
func (e *engine) reload(r *resource, n *node) {
	if !r.is(flagManaged) || r.is(flagFailed) {
		return
	}
	if r.is(flagStartPending) {
		e.stopAction(r, n, false) // nobody knows with which parameters it starts
		return
	}
	r.set(flagReload)
	a := e.newAction(r, taskReload, 0, n, false)
	a.setReason("resource definition change")
	// A stop or demotion that is needed anyway takes its place.
	for _, task := range []string{taskStop, taskDemote} {
		e.addOrdering(ordering{first: a, thenRsc: r, thenTask: task, flags: orderPlain | thenCancelsFirst})
	}
}

// activeSpan finds where the present run of a resource begins in its sorted
// history, and its last stop; -1 for none.
func activeSpan(ops []HistoryOp) (start, stop int) {
	start, stop = -1, -1
	probed, roles := -1, -1
	for i := range ops {
		op := &ops[i]
		switch op.Op {
		case taskStop:
			if op.Status == ExecDone {
				stop = i
			}
		case taskStart, taskMigrateFrom:
			start = i
		case taskMonitor:
			if probed <= stop && (op.RC == rcOK || op.RC == rcPromoted) {
				probed = i
			}
		case taskPromote, taskDemote:
			roles = i
		}
	}
	if start == -1 {
		start = probed
		if roles != -1 {
			start = roles
		}
	}
	return start, stop
}
