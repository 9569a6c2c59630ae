package policy

// step describes an action of the plan.
func (e *engine) step(a *action) Step {
	s := Step{
		Number:        a.number,
		Pseudo:        a.is(actPseudo),
		Task:          a.task,
		Interval:      a.interval,
		Timeout:       a.timeout,
		FenceAction:   a.fenceOp,
		CancelTask:    a.cancelOp,
		Reason:        a.reason,
		Role:          a.role,
		MigrateSource: a.meta["migrate_source"],
		MigrateTarget: a.meta["migrate_target"],
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
	}
	if a.notify != nil {
		s.Notify = [2]string{a.notify.kind, a.notify.operation}
	}
	return s
}
