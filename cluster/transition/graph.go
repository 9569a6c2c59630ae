package transition

import (
	"errors"
	"fmt"
	"strings"
)

// ErrCycle is wrapped by Validate's error for actions that wait for each other.
var ErrCycle = errors.New("actions wait for each other")

// Validate checks what the scheduler promises: keys are unique, After points
// into the plan and never at the action itself, and no action waits for itself
// through others. It reports the first fault; a cycle with its path.
func Validate(t *Transition) error {
	keys := make(map[string]int, len(t.Actions))
	for i, a := range t.Actions {
		if a.Key == "" {
			return fmt.Errorf("action %d has no key", i)
		}
		if first, repeated := keys[a.Key]; repeated {
			return fmt.Errorf("actions %d and %d have the same key %q", first, i, a.Key)
		}
		keys[a.Key] = i
		if a.InFlight != "" && len(a.After) > 0 {
			return fmt.Errorf("action %q is in flight and still waits for %q", a.Key, t.Actions[a.After[0]].Key)
		}
		for _, before := range a.After {
			if before < 0 || before >= len(t.Actions) || before == i {
				return fmt.Errorf("action %q waits for action %d of %d", a.Key, before, len(t.Actions))
			}
		}
	}
	if path := Cycle(t.Actions); path != nil {
		names := make([]string, 0, len(path)+1)
		for _, i := range append(path, path[0]) {
			names = append(names, t.Actions[i].Key)
		}
		return fmt.Errorf("%w: %s", ErrCycle, strings.Join(names, " <- "))
	}
	return nil
}

// Cycle returns indexes of actions that wait for each other in a ring, each
// for the next, or nil when there is none. It takes time linear in actions and
// edges and uses no recursion.
func Cycle(actions []Action) []int {
	const (
		unseen = iota
		onPath
		done
	)
	mark := make([]uint8, len(actions))
	next := make([]int, len(actions)) // the edge of each action to follow next
	var path []int
	for root := range actions {
		if mark[root] != unseen {
			continue
		}
		path = append(path[:0], root)
		mark[root] = onPath
		for len(path) > 0 {
			i := path[len(path)-1]
			if next[i] == len(actions[i].After) {
				mark[i] = done
				path = path[:len(path)-1]
				continue
			}
			before := actions[i].After[next[i]]
			next[i]++
			switch mark[before] {
			case onPath:
				return ring(path, before)
			case unseen:
				mark[before] = onPath
				path = append(path, before)
			}
		}
	}
	return nil
}

// ring returns the part of the path that begins at start.
func ring(path []int, start int) []int {
	for at, i := range path {
		if i == start {
			return append([]int(nil), path[at:]...)
		}
	}
	panic("transition: a ring's start is on its path")
}
