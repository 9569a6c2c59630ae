package policy

// pairEffect brings about what a flag of an ordering means for two actions.
func (p *propagation) pairEffect(first, then *action, flags, filter actionFlags, what orderFlags) changes {
	firstBefore, thenBefore := first.flags, then.flags
	switch what {
	case asymmetric:
		asymmetricEffect(first, then)
	case thenImpliesFirst:
		if thenBefore&actOptional == 0 {
			if filter&actOptional != 0 && flags&actOptional == 0 {
				clearFor(first, actOptional, then)
			}
			if flags&actMigratable != 0 && !then.is(actMigratable) {
				clearFor(first, actMigratable, then)
			}
		}
	case promotedImpliesFirst:
		if then.rsc != nil && then.rsc.role == RolePromoted && !then.is(actOptional) {
			clearFor(first, actOptional, then)
			if !then.is(actMigratable) {
				clearFor(first, actMigratable, then)
			}
		}
	case unmigratableThen:
		if then.flags&(actMigratable|actRunnable) != actMigratable|actRunnable {
			clearFor(first, actRunnable, then)
		}
		if !then.is(actOptional) {
			clearFor(first, actOptional, then)
		}
	case firstElseThen:
		if !first.is(actRunnable) {
			clearFor(then, actMigratable, first)
			then.unset(actPseudo)
		}
	case firstBlocksThen:
		if then.is(actRunnable) && flags&actRunnable == 0 {
			clearFor(then, actRunnable, first)
			clearFor(then, actMigratable, first)
		}
	case firstImpliesThen:
		if then.is(actOptional) && flags&actOptional == 0 && !first.is(actMigratable) {
			clearFor(then, actOptional, first)
		}
	case intermediateStop:
		restartEffect(first, then, filter)
	}
	return p.noted(first, then, firstBefore, thenBefore)
}

// noted says what has changed. An action of a member is looked at again at
// once, since its collection follows from it.
func (p *propagation) noted(first, then *action, firstBefore, thenBefore actionFlags) (got changes) {
	const kept = actQueued | actPrintAlways
	if (then.flags^thenBefore)&^kept != 0 {
		got |= thenChanged
		touch(then)
		if then.rsc != nil && then.rsc.parent != nil {
			p.push(then)
		}
	}
	if (first.flags^firstBefore)&^kept != 0 {
		got |= firstChanged
		touch(first)
	}
	return got
}

// asymmetricEffect: what comes after something that cannot happen cannot happen
// either, unless it is done already.
func asymmetricEffect(first, then *action) {
	if then.rsc == nil || first.is(actRunnable) {
		return
	}
	if then.is(actOptional) {
		role := then.rsc.currentRole()
		if role == RoleStopped && then.task == taskStop {
			return
		}
		if on := then.rsc.runningOn; role >= RoleStarted && then.task == taskStart && len(on) == 1 && on[0] == then.node {
			return
		}
	}
	clearFor(then, actOptional, first)
	clearFor(then, actRunnable, first)
}

// restartEffect: first is a stop before then, of the same resource (a restart)
// or of a later member of its group.
func restartEffect(first, then *action, filter actionFlags) {
	restart := filter&actOptional != 0 && !then.is(actOptional)
	// What should restart and cannot start is stopped nevertheless.
	stop := filter&actRunnable != 0 && !then.is(actRunnable) && first.rsc == then.rsc &&
		then.rsc != nil && then.rsc.is(flagManaged)
	if !restart && !stop {
		return
	}
	if first.is(actRunnable) || !then.is(actOptional) {
		clearFor(first, actOptional, then)
	}
	if !then.is(actMigratable) {
		clearFor(first, actMigratable, then)
	}
	if !first.is(actOptional) && !first.is(actRunnable) {
		clearFor(then, actRunnable, first)
	}
}

// clearFor clears a flag because of another action. The first such cause in
// another resource is what a person is told.
func clearFor(a *action, flag actionFlags, cause *action) {
	if !a.is(flag) {
		return
	}
	a.unset(flag)
	if a.rsc != cause.rsc && a.reason == "" {
		a.reason = becauseOf(cause, flag)
	}
}

// becauseOf words a cause: "unrunnable db start".
func becauseOf(cause *action, flag actionFlags) string {
	word := "required "
	switch flag {
	case actRunnable:
		word = "unrunnable "
	case actMigratable:
		word = "unmigrateable "
	}
	if cause.rsc == nil {
		return word + cause.task
	}
	return word + cause.rsc.id + " " + cause.task
}
