package policy

// orderSets orders the members of each set, and each set before the next.
func (e *engine) orderSets(c *OrderConfig) {
	kind := parseOrderKind(c.Kind, c.Score)
	direction := symmetry(kind, c.Symmetrical)
	var last *Set
	var lastMembers []*resource
	for i := range c.Sets {
		set := &c.Sets[i]
		members, ok := e.setMembers(c.ID, set)
		if !ok {
			return
		}
		e.orderWithinSet(set, members, kind, c.Symmetrical)
		if last != nil {
			e.orderSetPair(last, lastMembers, set, members, kind, direction)
			if direction == upwards {
				e.orderSetPair(set, members, last, lastMembers, kind, backwards)
			}
		}
		last, lastMembers = set, members
	}
}

func (e *engine) setMembers(constraint string, set *Set) ([]*resource, bool) {
	members := make([]*resource, 0, len(set.Resources))
	for _, id := range set.Resources {
		r := e.orderedResource(constraint, id)
		if r == nil {
			return nil, false
		}
		members = append(members, r)
	}
	return members, true
}

// orderWithinSet orders the members of one set. A set may have a kind of its
// own.
func (e *engine) orderWithinSet(set *Set, members []*resource, kind orderKind, symmetrical *bool) {
	asked := kind
	if set.Kind != "" || set.Score != "" {
		asked = parseOrderKind(set.Kind, set.Score)
	}
	direction := symmetry(asked, symmetrical)
	if set.Kind != "" {
		kind = asked
	}
	task := taskOr(set.Action, taskStart)
	flags := orderKindFlags(kind, task, direction)
	switch {
	case kind == kindSerialize:
		for i, first := range members {
			for _, then := range members[i+1:] {
				e.orderTasks(first, task, then, task, flags)
			}
		}
	case set.Sequential == nil || *set.Sequential:
		for i := 1; i < len(members); i++ {
			e.orderTasks(members[i-1], task, members[i], task, flags)
		}
	default:
		return
	}
	inverse := inverseTask(task)
	if direction != upwards || kind == kindSerialize || inverse == "" {
		return
	}
	flags = orderKindFlags(kind, inverse, backwards)
	for i := 1; i < len(members); i++ {
		e.orderTasks(members[i], inverse, members[i-1], inverse, flags)
	}
}

// orderSetPair orders the members of one set before those of another. Of a set
// that is said to be sequential, only the nearest member counts.
func (e *engine) orderSetPair(first *Set, firsts []*resource, then *Set, thens []*resource, kind orderKind, direction orderDirection) {
	firstTask, thenTask := taskOr(first.Action, taskStart), taskOr(then.Action, taskStart)
	if direction == backwards {
		firstTask, thenTask = inverseTask(firstTask), inverseTask(thenTask)
	}
	if firstTask == "" || thenTask == "" || len(firsts) == 0 || len(thens) == 0 {
		return
	}
	flags := orderKindFlags(kind, firstTask, direction)
	// On the way down none of the first can go before all of the others have.
	goingDown := firstTask == taskStop || firstTask == taskDemote
	if first.RequireAll != nil && !*first.RequireAll && !goingDown {
		e.orderSomeOf(first, firsts, firstTask, thens, thenTask, flags)
		return
	}
	if first.Sequential != nil && *first.Sequential {
		firsts = nearest(firsts, direction != backwards)
	}
	if then.Sequential != nil && *then.Sequential {
		thens = nearest(thens, direction == backwards)
	}
	for _, f := range firsts {
		for _, t := range thens {
			e.orderTasks(f, firstTask, t, thenTask, flags)
		}
	}
}

// orderSomeOf puts the members of a set after any one of another's.
func (e *engine) orderSomeOf(first *Set, firsts []*resource, firstTask string, thens []*resource, thenTask string, flags orderFlags) {
	enough := e.newPseudo(nil, taskOneOrMore+":"+first.ID, true, true)
	enough.required = 1
	enough.set(actMinRunnable)
	for _, f := range firsts {
		e.orderBefore(f, firstTask, enough)
	}
	for _, t := range thens {
		e.addOrdering(ordering{first: enough, thenRsc: t, thenTask: thenTask, flags: flags | firstBlocksThen})
	}
}

// nearest is the last or the first member, as a list.
func nearest(members []*resource, last bool) []*resource {
	if last {
		return members[len(members)-1:]
	}
	return members[:1]
}
