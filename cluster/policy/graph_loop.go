package policy

// loopWalk looks for loops in the orderings that count.
type loopWalk struct {
	seen  []int // by action id: the walk that has been there
	walk  int
	stack []*action
}

// loops reports whether the action would wait for itself through rel.
func (w *loopWalk) loops(e *engine, a *action, rel *relation) bool {
	if !e.inputCounts(a, rel) {
		return false
	}
	if rel.action == a {
		return true
	}
	if len(w.seen) < len(e.actions) {
		w.seen = make([]int, len(e.actions))
	}
	w.walk++
	w.stack = append(w.stack[:0], rel.action)
	for len(w.stack) > 0 {
		first := w.stack[len(w.stack)-1]
		w.stack = w.stack[:len(w.stack)-1]
		if w.seen[first.id] == w.walk {
			continue
		}
		w.seen[first.id] = w.walk
		for i := range first.before {
			input := &first.before[i]
			if !e.inputCounts(first, input) {
				continue
			}
			if input.action == a {
				return true
			}
			w.stack = append(w.stack, input.action)
		}
	}
	return false
}

// breakLoops removes from the steps what makes them wait for themselves, so
// that a plan always ends. Orderings that contradict each other are a mistake
// of the configuration, which is reported.
func (g *grapher) breakLoops() {
	const (
		fresh = iota
		open
		done
	)
	type visit struct{ step, next int }
	state := make([]uint8, len(g.plan.Steps))
	var path []visit
	for start := range g.plan.Steps {
		if state[start] != fresh {
			continue
		}
		state[start] = open
		path = append(path[:0], visit{step: start})
		for len(path) > 0 {
			at := &path[len(path)-1]
			step := &g.plan.Steps[at.step]
			if at.next == len(step.After) {
				state[at.step] = done
				path = path[:len(path)-1]
				continue
			}
			first := step.After[at.next]
			switch state[first] {
			case fresh:
				at.next++
				state[first] = open
				path = append(path, visit{step: first})
			case open:
				g.warnLoop(at.step, first)
				step.After = append(step.After[:at.next], step.After[at.next+1:]...)
			default:
				at.next++
			}
		}
	}
}

func (g *grapher) warnLoop(step, first int) {
	a, b := g.steps[step], g.steps[first]
	subject := a.task
	if a.rsc != nil {
		subject = a.rsc.id
	}
	g.e.warnOrder("order_loop", subject, "the orders contradict each other: "+describe(a)+" should wait for "+describe(b)+", which waits for it")
}

func describe(a *action) string {
	text := a.task
	if a.rsc != nil {
		text += " of " + a.rsc.id
	}
	if a.node != nil {
		text += " on " + a.node.name
	}
	return text
}
