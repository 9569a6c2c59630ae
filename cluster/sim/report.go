package sim

import "fmt"

// totals are what many runs came to.
type totals struct {
	steps                            uint64
	commands, faults, fences, starts int
	kinds                            map[string]int
	met                              meets
}

func (t *totals) add(r Report) {
	t.steps += r.Steps
	t.commands += r.Commands
	t.faults += len(r.Faults)
	t.fences += r.Fences
	t.starts += r.Starts
	if t.kinds == nil {
		t.kinds = map[string]int{}
	}
	for _, f := range r.Faults {
		t.kinds[f.Kind]++
	}
	for e, n := range r.Met {
		t.met[e] += n
	}
}

// effects returns how often each effect mattered, by its name.
func (t *totals) effects() map[string]int {
	named := map[string]int{}
	for e, n := range t.met {
		named[effectNames[e]] = n
	}
	return named
}

// missing returns the kinds of faults that never began and, if they are asked for, the
// effects that never mattered.
func (t *totals) missing(effects bool) []string {
	var names []string
	for _, name := range kindNames {
		if t.kinds[name] == 0 {
			names = append(names, "fault "+name)
		}
	}
	for e, n := range t.met {
		if effects && n == 0 {
			names = append(names, effectNames[e])
		}
	}
	return names
}

// String is one line for people.
func (t *totals) String() string {
	return fmt.Sprintf("%d steps, %d commands, %d starts, %d faults, %d fencings", t.steps, t.commands, t.starts, t.faults, t.fences)
}
