package policy

// summary is what a person is told of the plan: who is fenced, and what happens
// to each instance.
func (e *engine) summary() []Change {
	s := &summary{e: e}
	for i := len(e.actions) - 1; i >= 0; i-- {
		if a := e.actions[i]; a.rsc == nil && a.task == taskFence && !a.is(actOptional) && a.node != nil {
			s.fence(a)
		}
	}
	for _, r := range e.top {
		s.resource(r)
	}
	return s.changes
}

type summary struct {
	e       *engine
	changes []Change
}

func (s *summary) fence(a *action) {
	c := Change{Task: "fence", Node: a.node.name, FenceAction: a.fenceOp, Reason: a.reason}
	if a.node.guest() {
		c.GuestOf = a.node.connection.container.id
	}
	s.changes = append(s.changes, c)
}

// resource tells what happens to the instances of a resource.
func (s *summary) resource(r *resource) {
	switch {
	case r.variant == Bundle:
		if r.bndl == nil {
			return
		}
		for _, rep := range r.bndl.replicas {
			for _, part := range rep.parts() {
				s.resource(part)
			}
			if rep != nil && rep.child != nil {
				s.resource(rep.child)
			}
		}
	case r.variant != Primitive:
		for _, m := range r.members {
			s.resource(m)
		}
	case len(r.runningOn) > 0 || !r.is(flagRemoved):
		s.instance(r)
	}
}

// telling is what is told of one instance: from where it goes where, and which
// of its actions are about it.
type telling struct {
	r                                        *resource
	from, to                                 *node
	role                                     Role
	start, stop, promote, demote, migrateEnd *action
}

// instance tells what happens to a primitive.
func (s *summary) instance(r *resource) {
	t := &telling{r: r, to: r.assigned, role: r.role}
	if len(r.runningOn) > 0 {
		t.from = r.currentNode()
		// A recovery begins with forgetting what was known.
		t.role = max(t.role, RoleStarted)
	}
	if !r.is(flagManaged) || t.from == nil && t.to == nil {
		return
	}
	t.start = r.oldest(taskStart, t.to)
	stopFrom := t.from
	if t.start == nil || !t.start.is(actRunnable) {
		stopFrom = nil
	}
	t.stop = r.oldest(taskStop, stopFrom)
	if t.stop == nil && r.is(flagUnexpected) {
		t.stop = r.oldest(taskStop, nil)
	}
	t.promote = r.oldest(taskPromote, t.to)
	t.demote = r.oldest(taskDemote, t.to)
	if t.role == r.nextRole {
		t.migrateEnd = r.oldest(taskMigrateFrom, t.to)
		s.sameRole(t)
	} else {
		s.otherRole(t)
	}
}

// sameRole tells of an instance whose role stays.
func (s *summary) sameRole(t *telling) {
	if t.to == nil {
		return
	}
	failed := t.r.is(flagFailed)
	switch {
	case t.migrateEnd != nil && t.from != nil && t.migrateEnd.is(actRunnable):
		s.tell("migrate", t, t.from, t.to, t.start, nil)
	case t.r.is(flagReload):
		s.tell("reload", t, t.from, t.to, t.start, nil)
	case t.start == nil || t.start.is(actOptional):
		if needed(t.demote) && needed(t.promote) {
			s.tell("re-promote", t, t.from, t.to, t.promote, t.demote)
		}
	case !t.start.is(actRunnable):
		why := t.start
		if t.stop != nil && t.stop.reason != "" {
			why = t.stop
		}
		s.tell("stop", t, t.from, nil, t.stop, why)
	case t.moving():
		s.tell(pick(failed, "recover", "move"), t, t.from, t.to, t.stop, nil)
	case failed:
		s.tell("recover", t, t.from, nil, t.stop, nil)
	default:
		s.tell("restart", t, t.from, t.to, t.start, nil)
	}
}

// otherRole tells of an instance whose role changes.
func (s *summary) otherRole(t *telling) {
	r := t.r
	switch {
	case t.stop != nil && (r.nextRole == RoleStopped || t.start != nil && !t.start.is(actRunnable)):
		s.stops(t)
	case t.stop != nil && r.is(flagFailed) && r.is(flagStopIfFailed):
		s.tell("recover", t, t.from, t.to, t.stop, t.start)
	case t.moving():
		s.tell("move", t, t.from, t.to, t.stop, nil)
	case r.is(flagReload):
		s.tell("reload", t, t.from, t.to, t.start, nil)
	case needed(t.stop):
		s.tell("restart", t, t.from, t.to, t.start, nil)
	case t.role == RolePromoted:
		s.tell("demote", t, t.from, t.to, t.demote, nil)
	case r.nextRole == RolePromoted:
		s.tell("promote", t, t.from, t.to, t.promote, nil)
	case t.role == RoleStopped && r.nextRole > RoleStopped:
		s.tell("start", t, t.from, t.to, t.start, nil)
	}
}

// stops tells of the stop on every node where the instance is active.
func (s *summary) stops(t *telling) {
	for _, n := range t.r.runningOn {
		why := t.start
		stop := t.r.oldest(taskStop, n)
		if stop != nil && stop.reason != "" {
			why = stop
		}
		s.tell("stop", t, n, nil, stop, why)
	}
}

func (t *telling) moving() bool { return t.from != nil && t.to != nil && t.from != t.to }

func needed(a *action) bool { return a != nil && !a.is(actOptional) }

func pick(yes bool, a, b string) string {
	if yes {
		return a
	}
	return b
}

// tell adds a change. The action says whether it can happen, cause (or the
// action itself) why it does.
func (s *summary) tell(task string, t *telling, from, to *node, a, cause *action) {
	if from == nil && to == nil {
		return
	}
	if cause == nil {
		cause = a
	}
	c := Change{Task: task, Resource: t.r.id}
	if cause != nil {
		c.Reason = cause.reason
	}
	c.Blocked = a != nil && !a.is(actRunnable)
	switch {
	case to == nil:
		c.Node = from.name
	case from == nil || from == to:
		c.Node = to.name
	default:
		c.Node, c.From = to.name, from.name
	}
	t.tellRoles(&c, from, to)
	s.changes = append(s.changes, c)
}

// tellRoles names the roles where there is more to say than that the instance
// runs.
func (t *telling) tellRoles(c *Change, from, to *node) {
	promotable := t.role > RoleStarted || t.r.nextRole > RoleUnpromoted
	changes := t.role != t.r.nextRole
	switch {
	case from == nil:
		if promotable {
			c.Role, c.NextRole = t.role, t.r.nextRole
		}
	case to == nil || !changes:
		if promotable {
			c.Role = t.role
		}
	default:
		c.Role, c.NextRole = t.role, t.r.nextRole
	}
}

// oldest is the first made action of the resource that is known as task, on the
// node or bound to none; on any node for a nil one.
func (r *resource) oldest(task string, n *node) *action {
	for _, a := range r.deedsList() {
		if a.key == task && a.interval == 0 && (n == nil || a.node == nil || a.node == n) {
			return a
		}
	}
	return nil
}
