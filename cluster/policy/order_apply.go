package policy

// apply applies each of the flags of then's relation i. firstFlags and thenFlags are
// what counts of the actions' flags.
func (p *propagation) apply(first, then *action, i int, firstFlags, thenFlags actionFlags) changes {
	n := then.node
	flags := then.before[i].flags
	if flags&firstImpliesSameNodeThen != 0 {
		flags = flags&^firstImpliesSameNodeThen | firstImpliesThen
		then.before[i].flags = flags
		n = first.node
	}
	var got changes
	if flags&firstImpliesThen != 0 {
		got |= p.firstImplies(first, then, n, firstFlags)
	}
	if flags&intermediateStop != 0 {
		got |= p.effect(then.rsc, first, then, n, firstFlags, actOptional|actRunnable, intermediateStop)
	}
	if flags&thenImpliesFirst != 0 {
		got |= p.thenImplies(first, then, n, firstFlags)
	}
	if flags&promotedImpliesFirst != 0 {
		got |= p.effect(then.rsc, first, then, n, firstFlags&actOptional, actOptional, promotedImpliesFirst)
	}
	if flags&oneOrMore != 0 {
		got |= p.count(first, then, n, firstFlags)
	}
	if flags&probeOrder != 0 && then.rsc != nil {
		if firstFlags&actRunnable == 0 && first.rsc != nil && len(first.rsc.runningOn) > 0 {
			then.before[i].flags = 0
		} else {
			got |= p.effect(then.rsc, first, then, n, firstFlags, actRunnable, firstBlocksThen)
		}
	}
	if flags&firstBlocksThen != 0 {
		got |= p.firstBlocks(first, then, n, firstFlags)
	}
	for _, o := range [...]struct {
		flag   orderFlags
		filter actionFlags
	}{
		{unmigratableThen, actOptional}, {firstElseThen, actOptional},
		{orderPlain, actRunnable}, {asymmetric, actRunnable},
	} {
		if flags&o.flag != 0 {
			got |= p.effect(then.rsc, first, then, n, firstFlags, o.filter, o.flag)
		}
	}
	keep(first, then, flags, firstFlags, thenFlags)
	return got | p.blockedStop(first, then, flags)
}

// firstImplies: an action of no resource is simply needed as well.
func (p *propagation) firstImplies(first, then *action, n *node, firstFlags actionFlags) changes {
	if then.rsc != nil {
		return p.effect(then.rsc, first, then, n, firstFlags&actOptional, actOptional, firstImpliesThen)
	}
	if firstFlags&actOptional == 0 && then.is(actOptional) {
		then.unset(actOptional)
		return thenChanged
	}
	return 0
}

func (p *propagation) thenImplies(first, then *action, n *node, firstFlags actionFlags) changes {
	if first.rsc != nil {
		return p.effect(first.rsc, first, then, n, firstFlags, actOptional, thenImpliesFirst)
	}
	if firstFlags&actOptional == 0 && first.is(actRunnable) {
		first.unset(actRunnable)
		return firstChanged
	}
	return 0
}

func (p *propagation) firstBlocks(first, then *action, n *node, firstFlags actionFlags) changes {
	if then.rsc != nil {
		return p.effect(then.rsc, first, then, n, firstFlags, actRunnable, firstBlocksThen)
	}
	if firstFlags&actRunnable == 0 && then.is(actRunnable) {
		then.unset(actRunnable)
		return thenChanged
	}
	return 0
}

// count counts a predecessor that can run.
func (p *propagation) count(first, then *action, n *node, firstFlags actionFlags) changes {
	if then.rsc != nil {
		return p.effect(then.rsc, first, then, n, firstFlags, actRunnable, oneOrMore)
	}
	if firstFlags&actRunnable == 0 {
		return 0
	}
	then.runnable++
	if then.runnable < then.required || then.is(actRunnable) {
		return 0
	}
	then.set(actRunnable)
	return thenChanged
}

// keep keeps actions in the graph that need not do anything.
func keep(first, then *action, flags orderFlags, firstFlags, thenFlags actionFlags) {
	if flags&firstImpliesThenGraphed != 0 && first.is(actRunnable) && firstFlags&actOptional == 0 {
		then.set(actPrintAlways)
	}
	if flags&thenImpliesFirstGraphed != 0 && thenFlags&actOptional == 0 {
		first.set(actPrintAlways)
	}
}

// blockedStop: nothing gets past a stop that its resource's block forbids.
func (p *propagation) blockedStop(first, then *action, flags orderFlags) changes {
	if flags&(firstImpliesThen|thenImpliesFirst|intermediateStop) == 0 || first.rsc == nil ||
		first.task != taskStop || first.is(actRunnable) ||
		first.rsc.is(flagManaged) || !first.rsc.is(flagBlocked) || !then.is(actRunnable) {
		return 0
	}
	then.unset(actRunnable)
	touch(then)
	return thenChanged
}

// effect brings about what one flag of an ordering means, for the owner's kind
// of resource. Only changes that filter names are made: of what must happen
// (actOptional), of what can happen (actRunnable).
func (p *propagation) effect(owner *resource, first, then *action, n *node, flags, filter actionFlags, what orderFlags) changes {
	if owner == nil || then.rsc == nil && owner.variant != Primitive {
		return 0
	}
	switch owner.variant {
	case Group:
		return p.groupEffect(first, then, n, flags, filter, what)
	case Clone, Bundle:
		return p.instancesEffect(first, then, n, flags, filter, what)
	default:
		return p.pairEffect(first, then, flags, filter, what)
	}
}

// groupEffect treats the group's action, then that of each member.
func (p *propagation) groupEffect(first, then *action, n *node, flags, filter actionFlags, what orderFlags) changes {
	got := p.pairEffect(first, then, flags, filter, what)
	for _, m := range then.rsc.members {
		if deed := m.deed(then.task, n); deed != nil && deed != then {
			got |= p.effect(m, first, deed, n, flags, filter, what)
		}
	}
	return got
}
