package policy

// inputCounts reports whether an action really waits for the first action of
// one of its orderings. Those that turn out not to matter are dropped.
func (e *engine) inputCounts(a *action, rel *relation) bool {
	first, flags := rel.action, rel.flags
	if flags == 0 || rel.dropped {
		return false
	}
	if !first.is(actRunnable) {
		// Where then does not depend on it, nobody waits for what cannot happen.
		if flags&^(thenImpliesFirstGraphed|firstImpliesThenGraphed|orderPlain) == 0 ||
			flags&(oneOrMore|unmigratableThen) != 0 {
			return false
		}
	}
	if first.is(actMigratable) {
		if flags&unmigratableFirst != 0 {
			return false
		}
		// A stop after a migration leaves nothing to wait for.
		if flags == orderPlain && first.key == taskStop {
			return false
		}
	}
	switch {
	case rel.only(ifSameNodeOrTarget):
		if !roomNeeded(a, first) {
			rel.dropped = true
			return false
		}
	case rel.only(ifRequired):
		if first.node != nil && a.node != nil && first.node != a.node || first.is(actOptional) {
			rel.dropped = true
			return false
		}
	case unmanagedStop(a, first):
		return false
	case first.is(actOptional) && !first.is(actPrintAlways|actInGraph) && !first.planned():
		return false
	}
	return true
}

// roomNeeded reports whether what first makes room on is where the action's
// resource goes.
func roomNeeded(a, first *action) bool {
	if a.rsc != nil && a.task == taskMigrateTo {
		return first.node != nil && first.node == a.rsc.assigned
	}
	return first.node != nil && first.node == a.node && !first.is(actOptional)
}

// unmanagedStop: the stop of a failed member that is not managed does not keep
// its clone from going down.
func unmanagedStop(a, first *action) bool {
	return first.rsc != nil && first.rsc != a.rsc && first.rsc.is(flagFailed) && !first.rsc.is(flagManaged) &&
		first.key == taskStop && a.rsc != nil && a.rsc.variant == Clone
}
