package transition

// Ready returns the actions that may be dispatched now, in the plan's order:
// not in flight, not held back by themselves, and with no predecessor left in
// the plan. (What has happened is not in the plan, so any predecessor that is
// in it has still to happen.)
func Ready(t *Transition) []Action {
	var ready []Action
	for _, a := range t.Actions {
		if a.InFlight == "" && a.Wait == "" && len(a.After) == 0 {
			ready = append(ready, a)
		}
	}
	return ready
}

// Settled reports whether nothing is in flight and nothing can be dispatched:
// the cluster is as defined, or waits for a time or for an operator.
func Settled(t *Transition) bool {
	for _, a := range t.Actions {
		if a.InFlight != "" || (a.Wait == "" && len(a.After) == 0) {
			return false
		}
	}
	return true
}
