package sim

import "fmt"

// totals are what many runs came to.
type totals struct {
	steps                            uint64
	commands, faults, fences, starts int
}

func (t *totals) add(r Report) {
	t.steps += r.Steps
	t.commands += r.Commands
	t.faults += len(r.Faults)
	t.fences += r.Fences
	t.starts += r.Starts
}

// String is one line for people.
func (t *totals) String() string {
	return fmt.Sprintf("%d steps, %d commands, %d starts, %d faults, %d fencings", t.steps, t.commands, t.starts, t.faults, t.fences)
}
