package policy

// graph makes the plan: what is needed and can happen, and what waits for what.
func (e *engine) graph() *Plan {
	plan := &Plan{Present: e.present, Summary: e.summary()}
	g := &grapher{e: e, plan: plan}
	for _, r := range e.top {
		g.resource(r)
	}
	// What concerns no resource, and actions of resources that are listed
	// nowhere.
	for _, a := range e.actions {
		g.add(a)
	}
	g.connect()
	plan.Warnings = e.warnings
	return plan
}

// grapher collects the steps of a plan.
type grapher struct {
	e     *engine
	plan  *Plan
	steps []*action
}

// resource adds the actions of a resource and of its parts.
func (g *grapher) resource(r *resource) {
	switch r.variant {
	case Clone:
		// The notifications depend on which of the clone's actions happen.
		for _, a := range r.actions {
			g.e.effectiveFlags(a, nil)
		}
		g.e.notifyClone(r)
		for _, m := range r.members {
			g.resource(m)
		}
		g.actions(r)
	case Bundle:
		if r.bndl == nil {
			return
		}
		if r.bndl.child != nil {
			g.resource(r.bndl.child)
		}
		for _, rep := range r.bndl.replicas {
			for _, part := range rep.parts() {
				g.resource(part)
			}
		}
	default:
		g.actions(r)
		for _, m := range r.members {
			g.resource(m)
		}
	}
}

// parts are a replica's own resources; the service inside is its clone's.
func (rep *replica) parts() []*resource {
	if rep == nil {
		return nil
	}
	list := make([]*resource, 0, 3)
	for _, r := range [...]*resource{rep.ip, rep.container, rep.connection} {
		if r != nil {
			list = append(list, r)
		}
	}
	return list
}

func (g *grapher) actions(r *resource) {
	for i := len(r.actions) - 1; i >= 0; i-- {
		g.add(r.actions[i])
	}
}

// add makes a step of the action if it is part of the plan.
func (g *grapher) add(a *action) {
	if a.is(actInGraph) || !a.planned() {
		return
	}
	a.set(actInGraph)
	a.number = len(g.steps)
	g.steps = append(g.steps, a)
}

// planned reports whether the action is to happen.
func (a *action) planned() bool {
	if !a.is(actRunnable) || a.is(actOptional) && !a.is(actPrintAlways) {
		return false
	}
	// Of what is not managed only monitors are started and ended.
	if a.rsc != nil && !a.rsc.is(flagManaged) && a.task != taskMonitor && a.interval == 0 {
		return false
	}
	if a.is(actPseudo) || a.task == taskFence || a.task == taskShutdown {
		return true
	}
	switch n := a.node; {
	case n == nil:
		return false
	case a.is(actOnDC), n.guest() && !n.resetNeeded:
		return true
	default:
		return n.online && !n.unclean
	}
}

// connect gives every step the steps that it waits for.
func (g *grapher) connect() {
	g.plan.Steps = make([]Step, len(g.steps))
	for _, a := range g.steps {
		g.e.fill(&g.plan.Steps[a.number], a)
	}
	seen := make([]int, len(g.steps)) // the last step that waits for a step, plus one
	for _, a := range g.steps {
		step := &g.plan.Steps[a.number]
		for i := range a.before {
			rel := &a.before[i]
			if !g.e.inputCounts(a, rel) {
				continue
			}
			first := rel.action
			switch {
			case !first.is(actInGraph):
				// It will not happen, and so neither will what waits for it.
				step.Stuck = true
			case seen[first.number] != a.number+1:
				seen[first.number] = a.number + 1
				step.After = append(step.After, first.number)
			}
		}
	}
	g.breakLoops()
}
