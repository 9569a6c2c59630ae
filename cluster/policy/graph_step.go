package policy

// fill describes an action of the plan.
func (e *engine) fill(s *Step, a *action) {
	*s = Step{
		Number:      a.number,
		Pseudo:      a.is(actPseudo),
		Task:        a.task,
		Interval:    a.interval,
		Expected:    a.expected,
		FenceAction: a.fenceOp,
		CancelTask:  a.cancelOp,
		Reason:      a.reason,
		Delay:       a.delay,
		Role:        a.role,
	}
	if a.task == taskFence {
		s.Task = "fence"
	}
	if a.node != nil {
		s.Node = a.node.name
		if a.task == taskFence && a.node.guest() {
			s.Guest = a.node.connection.container.id
		}
	}
	if a.rsc != nil {
		s.Resource, s.Base = a.rsc.id, a.rsc.base
		if a.node != nil {
			s.Recorded = a.rsc.recordedAs(a.node)
		}
		if a.rsc.variant == Primitive && !s.Pseudo {
			if leavesDigest(a) {
				s.Digest = e.sumOf(a.rsc, a.node, a.task, a.interval)
			}
			s.Timeout = e.timeoutOf(a)
		}
	}
	if a.migrateSource != nil && a.migrateTarget != nil {
		s.MigrateSource, s.MigrateTarget = a.migrateSource.name, a.migrateTarget.name
	}
	if a.notify != nil {
		s.Notify = [2]string{a.notify.kind, a.notify.operation}
	}
}

// leavesDigest tells of operations whose parameters are compared later on: those
// that leave something running, and recurring ones.
func leavesDigest(a *action) bool {
	switch a.task {
	case taskStart, taskPromote, taskDemote, taskMigrateTo, taskMigrateFrom, taskReload:
		return a.node != nil
	case taskMonitor:
		return a.node != nil && a.interval > 0
	default:
		return false
	}
}
