package policy

// orderProbes adds what follows from orderings for probes. It is called when
// all orderings are relations.
//
// Where something waits for the start of a resource, and the resource has still
// to be looked for, also its stop as part of a restart waits for the probe; and
// what waits for a stop waits for the probe, since that may show that a stop is
// needed.
func (e *engine) orderProbes() {
	walk := newProbeWalk(e)
	for _, r := range e.all {
		if r.variant != Primitive {
			continue
		}
		walk.begin(r)
		for _, a := range r.actions {
			if !a.isProbe() {
				continue
			}
			for _, rel := range a.after[:len(a.after):len(a.after)] {
				e.orderInstanceStarts(a, rel)
				for _, down := range walk.from(rel.action) {
					if down.rsc != r {
						e.orderActions(a, down, orderPlain)
					}
				}
			}
		}
	}
	e.orderProbesLikeStops()
}

// orderInstanceStarts keeps the inactive instances of a clone from starting
// while a probe of it cannot be made. Those that run go on.
func (e *engine) orderInstanceStarts(probe *action, rel relation) {
	then := rel.action
	if then.rsc == nil || then.rsc.variant < Clone || probe.is(actRunnable) || rel.flags&firstBlocksThen != 0 ||
		probe.rsc.collection() != then.rsc || then.task != taskStart {
		return
	}
	for i := 0; i < len(then.after); i++ {
		start := then.after[i].action
		if start.rsc != nil && len(start.rsc.runningOn) == 0 && start.rsc.collection() == then.rsc && start.task == taskStart {
			e.orderActions(probe, start, orderPlain|firstBlocksThen)
		}
	}
}

// orderProbesLikeStops gives probes the place that orderings give to stops.
func (e *engine) orderProbesLikeStops() {
	var thens []*action
	for i := range e.orderings {
		o := &e.orderings[i]
		if o.flags == 0 || o.firstRsc == nil || o.firstRsc == o.thenRsc || o.firstTask != taskStop || o.firstInterval > 0 {
			continue
		}
		// What is inside a container that stops must not be looked for first: that
		// could be after the container's next start.
		if o.thenRsc != nil && o.firstRsc.container == o.thenRsc && o.thenTask == taskStop {
			continue
		}
		flags := orderPlain | o.flags&(unmigratableFirst|ifSameNode)
		if o.flags&^orderPlain == ifSameNodeOrTarget || o.flags&^orderPlain == ifRequired {
			flags = o.flags
		}
		thens = thens[:0]
		if o.then != nil {
			thens = append(thens, o.then)
		} else {
			thens = appendActions(thens, o.thenRsc, o.thenTask, max(0, o.thenInterval))
		}
		if len(thens) > 0 {
			e.orderProbesBefore(o.firstRsc, thens, flags)
		}
	}
}

func (e *engine) orderProbesBefore(r *resource, thens []*action, flags orderFlags) {
	for _, probe := range r.actions {
		if probe.key != taskMonitor || probe.interval != 0 {
			continue
		}
		for _, then := range thens {
			if probeComesBefore(probe, then) {
				e.orderActions(probe, then, flags)
			}
		}
	}
}

// probeComesBefore reports whether a probe may have to come before the action:
// a node is probed after it is unfenced, and before it alone shuts down.
func probeComesBefore(probe, then *action) bool {
	switch then.task {
	case taskFence:
		return then.fenceOp != fenceOn || probe.node != then.node
	case taskShutdown:
		return probe.node == nil || then.node == nil || probe.node == then.node
	default:
		return true
	}
}
